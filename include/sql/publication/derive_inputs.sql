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
        p.nature,
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
        o.nature,
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
),

-- what each input of each formula has to be; NULL: any
sides AS MATERIALIZED (
    SELECT
        f.code AS formula,
        r.role,
        r.indicator,
        i.unit,
        p.sources,
        ref.asked(r.conditions, f.carry, 'subdivision') AS subdivision,
        ref.asked(r.conditions, f.carry, 'counterpart_area') AS counterpart_area,
        ref.asked(r.conditions, f.carry, 'sex') AS sex,
        ref.asked(r.conditions, f.carry, 'age') AS age,
        ref.asked(r.conditions, f.carry, 'migration_status') AS migration_status,
        ref.asked(r.conditions, f.carry, 'education') AS education,
        ref.asked(r.conditions, f.carry, 'labour_status') AS labour_status,
        ref.asked(r.conditions, f.carry, 'occupation') AS occupation,
        ref.asked(r.conditions, f.carry, 'activity') AS activity,
        ref.asked(r.conditions, f.carry, 'reason') AS reason,
        ref.asked(r.conditions, f.carry, 'urbanisation') AS urbanisation,
        ref.asked(r.conditions, f.carry, 'disability') AS disability,
        ref.asked(r.conditions, f.carry, 'breakdown') AS breakdown
    FROM formulas AS f
    CROSS JOIN
        LATERAL (VALUES ('input', f.input, f.input_where), ('other', f.other, f.other_where))
            AS r (role, indicator, conditions)
    INNER JOIN ref.indicator AS i ON r.indicator = i.code
    LEFT JOIN ref.source_preference AS p ON r.indicator = p.code
)

SELECT
    row_number() OVER ()::integer AS row_id,
    s.formula,
    s.role,
    u.*,
    CASE WHEN s.subdivision IS NULL THEN u.subdivision ELSE '_T' END AS kept_subdivision,
    CASE WHEN s.counterpart_area IS NULL THEN u.counterpart_area ELSE '_T' END AS kept_counterpart_area,
    CASE WHEN s.sex IS NULL THEN u.sex ELSE '_T' END AS kept_sex,
    CASE WHEN s.age IS NULL THEN u.age ELSE '_T' END AS kept_age,
    CASE WHEN s.migration_status IS NULL THEN u.migration_status ELSE '_T' END AS kept_migration_status,
    CASE WHEN s.education IS NULL THEN u.education ELSE '_T' END AS kept_education,
    CASE WHEN s.labour_status IS NULL THEN u.labour_status ELSE '_T' END AS kept_labour_status,
    CASE WHEN s.occupation IS NULL THEN u.occupation ELSE '_T' END AS kept_occupation,
    CASE WHEN s.activity IS NULL THEN u.activity ELSE '_T' END AS kept_activity,
    CASE WHEN s.reason IS NULL THEN u.reason ELSE '_T' END AS kept_reason,
    CASE WHEN s.urbanisation IS NULL THEN u.urbanisation ELSE '_T' END AS kept_urbanisation,
    CASE WHEN s.disability IS NULL THEN u.disability ELSE '_T' END AS kept_disability,
    CASE WHEN s.breakdown IS NULL THEN u.breakdown ELSE '_T' END AS kept_breakdown,
    -- all of it but the period, so that two inputs are of one cell where it is the same
    md5(
        concat_ws(
            '|', s.formula, u.freq, u.ref_area,
            CASE WHEN s.subdivision IS NULL THEN u.subdivision ELSE '_T' END,
            CASE WHEN s.counterpart_area IS NULL THEN u.counterpart_area ELSE '_T' END,
            CASE WHEN s.sex IS NULL THEN u.sex ELSE '_T' END,
            CASE WHEN s.age IS NULL THEN u.age ELSE '_T' END,
            CASE WHEN s.migration_status IS NULL THEN u.migration_status ELSE '_T' END,
            CASE WHEN s.education IS NULL THEN u.education ELSE '_T' END,
            CASE WHEN s.labour_status IS NULL THEN u.labour_status ELSE '_T' END,
            CASE WHEN s.occupation IS NULL THEN u.occupation ELSE '_T' END,
            CASE WHEN s.activity IS NULL THEN u.activity ELSE '_T' END,
            CASE WHEN s.reason IS NULL THEN u.reason ELSE '_T' END,
            CASE WHEN s.urbanisation IS NULL THEN u.urbanisation ELSE '_T' END,
            CASE WHEN s.disability IS NULL THEN u.disability ELSE '_T' END,
            CASE WHEN s.breakdown IS NULL THEN u.breakdown ELSE '_T' END
        )
    ) AS cell,
    ref.place_of(u.source, s.sources) AS preference
FROM usable AS u
INNER JOIN sides AS s ON u.indicator = s.indicator AND u.unit = s.unit
INNER JOIN ref.area AS a ON u.ref_area = a.code AND a.kind IN ('country', 'territory', 'historical')
WHERE
    u.counterpart_area = coalesce(s.counterpart_area, u.counterpart_area)
    AND u.breakdown = coalesce(s.breakdown, u.breakdown)
    AND u.sex = coalesce(s.sex, u.sex)
    AND u.age = coalesce(s.age, u.age)
    AND u.subdivision = coalesce(s.subdivision, u.subdivision)
    AND u.migration_status = coalesce(s.migration_status, u.migration_status)
    AND u.education = coalesce(s.education, u.education)
    AND u.labour_status = coalesce(s.labour_status, u.labour_status)
    AND u.occupation = coalesce(s.occupation, u.occupation)
    AND u.activity = coalesce(s.activity, u.activity)
    AND u.reason = coalesce(s.reason, u.reason)
    AND u.urbanisation = coalesce(s.urbanisation, u.urbanisation)
    AND u.disability = coalesce(s.disability, u.disability)
