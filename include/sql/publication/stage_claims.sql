-- Cells that several sources claim, as pairs. A total is one cell whatever its counterpart_basis (foreigners of all
-- citizenships, migrants of all countries of birth); of a source that has it twice the preferred figure speaks. The
-- preferred source is named first.
CREATE TEMPORARY TABLE claim ON COMMIT DROP AS
WITH several AS (
    SELECT indicator
    FROM pg_temp.published
    WHERE published_value IS NOT NULL
    GROUP BY indicator
    HAVING min(source) <> max(source)
),

figures AS (
    SELECT
        p.*,
        concat_ws(
            '|', p.indicator, p.unit, p.freq, p.time_period, p.ref_area, p.subdivision, p.counterpart_area,
            CASE WHEN p.counterpart_area = '_T' THEN '' ELSE p.counterpart_basis END, p.sex, p.age, p.migration_status,
            p.education, p.labour_status, p.occupation, p.activity, p.reason, p.urbanisation, p.disability, p.breakdown
        ) COLLATE "C" AS cell -- noqa: RF02
    FROM pg_temp.published AS p
    INNER JOIN several AS s ON p.indicator = s.indicator
    WHERE p.published_value IS NOT NULL
),

claimed AS (
    SELECT cell
    FROM figures
    GROUP BY cell
    HAVING min(source) <> max(source)
),

claims AS (
    SELECT DISTINCT ON (f.cell, f.source)
        f.*,
        ref.place_of(f.source, r.sources) AS preference
    FROM figures AS f
    INNER JOIN claimed AS c ON f.cell = c.cell
    LEFT JOIN ref.source_preference AS r ON f.indicator = r.code
    ORDER BY f.cell ASC, f.source ASC, f.preferred DESC, f.counterpart_basis ASC, f.observation_id ASC
),

sources AS (
    SELECT DISTINCT
        indicator,
        unit,
        source
    FROM claims
),

-- a pair of sources before an indicator before a unit
declared AS (
    SELECT DISTINCT ON (k.indicator, k.unit, k.source, k.other_source)
        k.indicator,
        k.unit,
        k.source,
        k.other_source,
        t.tolerance,
        t.reason_code,
        t.why
    FROM (
        SELECT DISTINCT
            f.indicator,
            f.unit,
            f.source,
            o.source AS other_source
        FROM sources AS f
        INNER JOIN sources AS o ON f.indicator = o.indicator AND f.unit = o.unit AND f.source <> o.source
    ) AS k
    INNER JOIN ref.tolerance AS t
        ON
            (t.indicator IS NULL OR k.indicator = t.indicator)
            AND (t.unit IS NULL OR k.unit = t.unit)
            AND (
                t.source IS NULL
                OR (k.source = t.source AND k.other_source = t.other_source)
                OR (k.source = t.other_source AND k.other_source = t.source)
            )
    ORDER BY
        k.indicator ASC,
        k.unit ASC,
        k.source ASC,
        k.other_source ASC,
        t.source IS NULL ASC,
        t.indicator IS NULL ASC,
        t.unit IS NULL ASC,
        t.code ASC
)

SELECT
    'cell' AS comparison,
    'equal' AS relation,
    f.indicator,
    f.freq,
    f.ref_area,
    f.subdivision,
    f.counterpart_area,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.labour_status,
    f.occupation,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability,
    f.breakdown,
    f.time_period,
    f.year,
    f.unit,
    f.source,
    f.observation_id,
    f.published_value,
    f.concept_basis,
    f.point_in_time,
    f.coverage,
    f.residence_criterion,
    o.indicator AS other_indicator,
    o.source AS other_source,
    o.observation_id AS other_observation_id,
    o.published_value AS other_published_value,
    o.unit AS other_unit,
    o.counterpart_basis AS other_counterpart_basis,
    o.concept_basis AS other_concept_basis,
    o.point_in_time AS other_point_in_time,
    o.coverage AS other_coverage,
    o.residence_criterion AS other_residence_criterion,
    NULL::text AS denominator_observation_id,
    NULL::text AS denominator_source,
    o.published_value AS other_value,
    d.tolerance,
    d.reason_code AS declared_reason,
    d.why,
    f.source AS preferred_source
FROM claims AS f
INNER JOIN claims AS o
    ON
        f.cell = o.cell
        AND (NOT f.preferred, f.preference, f.source) < (NOT o.preferred, o.preference, o.source)
INNER JOIN declared AS d
    ON
        f.indicator = d.indicator AND f.unit = d.unit AND f.source = d.source AND o.source = d.other_source
WHERE f.source <> o.source
