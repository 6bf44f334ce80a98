-- The figures that formulas may take, by formula and by which of its two inputs they are: the preferred one of each cell,
-- published by somebody, which may be passed on, of a country or territory, in the unit of its indicator. Touched
-- indicators as this publication has them, the others as bi shows them.
CREATE TEMPORARY TABLE derive_input ON COMMIT DROP AS
WITH formulas AS (
    SELECT f.*
    FROM ref.derived_indicator AS f
    WHERE f.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
),

usable AS (
    SELECT
        p.observation_id,
        p.source,
        p.indicator,
        p.freq,
        p.ref_area,
        p.subdivision,
        p.counterpart_area,
        p.counterpart_basis,
        p.sex,
        p.age,
        p.migration_status,
        p.education,
        p.labour_status,
        p.occupation,
        p.activity,
        p.reason,
        p.urbanisation,
        p.disability,
        p.breakdown,
        p.time_period,
        p.year,
        p.published_value,
        p.unit,
        p.obs_status,
        p.conf_status,
        p.missing_reason,
        p.concept_basis,
        p.coverage,
        p.residence_criterion,
        p.reference_point,
        p.point_in_time,
        p.vintage,
        p.subdivision_matched,
        p.subdivision_published,
        p.match_level
    FROM pg_temp.published AS p
    INNER JOIN ref.source AS s ON p.source = s.code AND s.redistribution = 'allowed'
    WHERE
        p.preferred AND p.method = 'published'
        AND p.indicator IN (
            SELECT f.input FROM formulas AS f
            UNION
            SELECT f.other FROM formulas AS f
        )
    UNION ALL
    SELECT
        o.observation_id,
        o.source,
        o.indicator,
        o.freq,
        o.ref_area,
        o.subdivision,
        o.counterpart_area,
        o.counterpart_basis,
        o.sex,
        o.age,
        o.migration_status,
        o.education,
        o.labour_status,
        o.occupation,
        o.activity,
        o.reason,
        o.urbanisation,
        o.disability,
        o.breakdown,
        o.time_period,
        o.year,
        o.published_value,
        o.unit,
        o.obs_status,
        o.conf_status,
        o.missing_reason,
        o.concept_basis,
        o.coverage,
        o.residence_criterion,
        o.reference_point,
        o.point_in_time,
        o.vintage,
        o.subdivision_matched,
        o.subdivision_published,
        o.match_level
    FROM bi.observation_all AS o
    WHERE
        o.preferred AND o.method = 'published'
        AND o.indicator IN (
            SELECT f.input FROM formulas AS f
            UNION
            SELECT f.other FROM formulas AS f
        )
        AND o.indicator NOT IN (SELECT t.indicator FROM pg_temp.touched AS t)
)

SELECT
    f.code AS formula,
    r.role,
    u.*,
    ref.kept(r.conditions, 'subdivision', u.subdivision) AS kept_subdivision,
    ref.kept(r.conditions, 'counterpart_area', u.counterpart_area) AS kept_counterpart_area,
    ref.kept(r.conditions, 'sex', u.sex) AS kept_sex,
    ref.kept(r.conditions, 'age', u.age) AS kept_age,
    ref.kept(r.conditions, 'migration_status', u.migration_status) AS kept_migration_status,
    ref.kept(r.conditions, 'education', u.education) AS kept_education,
    ref.kept(r.conditions, 'labour_status', u.labour_status) AS kept_labour_status,
    ref.kept(r.conditions, 'occupation', u.occupation) AS kept_occupation,
    ref.kept(r.conditions, 'activity', u.activity) AS kept_activity,
    ref.kept(r.conditions, 'reason', u.reason) AS kept_reason,
    ref.kept(r.conditions, 'urbanisation', u.urbanisation) AS kept_urbanisation,
    ref.kept(r.conditions, 'disability', u.disability) AS kept_disability,
    ref.kept(r.conditions, 'breakdown', u.breakdown) AS kept_breakdown,
    coalesce(array_position(string_to_array(p.sources, '|'), u.source), 999) AS preference
FROM formulas AS f
CROSS JOIN
    LATERAL (VALUES ('input', f.input, f.input_where), ('other', f.other, f.other_where))
        AS r (role, indicator, conditions)
INNER JOIN usable AS u ON r.indicator = u.indicator
INNER JOIN ref.indicator AS i ON u.indicator = i.code AND u.unit = i.unit
INNER JOIN ref.area AS a ON u.ref_area = a.code AND a.kind IN ('country', 'territory', 'historical')
LEFT JOIN ref.source_preference AS p ON u.indicator = p.code
WHERE
    ref.takes(r.conditions, f.carry, 'counterpart_area', u.counterpart_area)
    AND ref.takes(r.conditions, f.carry, 'breakdown', u.breakdown)
    AND ref.takes(r.conditions, f.carry, 'sex', u.sex)
    AND ref.takes(r.conditions, f.carry, 'age', u.age)
    AND ref.takes(r.conditions, f.carry, 'subdivision', u.subdivision)
    AND ref.takes(r.conditions, f.carry, 'migration_status', u.migration_status)
    AND ref.takes(r.conditions, f.carry, 'education', u.education)
    AND ref.takes(r.conditions, f.carry, 'labour_status', u.labour_status)
    AND ref.takes(r.conditions, f.carry, 'occupation', u.occupation)
    AND ref.takes(r.conditions, f.carry, 'activity', u.activity)
    AND ref.takes(r.conditions, f.carry, 'reason', u.reason)
    AND ref.takes(r.conditions, f.carry, 'urbanisation', u.urbanisation)
    AND ref.takes(r.conditions, f.carry, 'disability', u.disability)
