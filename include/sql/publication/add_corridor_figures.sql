INSERT INTO bi.corridor_figures
WITH measures AS (
    SELECT m.*
    FROM ref.corridor_measure AS m
    WHERE
        m.measure IN (
            SELECT k.measure
            FROM ref.corridor_measure AS k
            INNER JOIN pg_temp.touched AS t ON k.indicator = t.indicator
        )
),

figures AS (
    SELECT
        CASE m.ref_area_is WHEN 'origin' THEN f.ref_area ELSE f.counterpart_area END AS origin,
        CASE m.ref_area_is WHEN 'origin' THEN f.counterpart_area ELSE f.ref_area END AS destination,
        f.year,
        m.measure,
        CASE
            WHEN 'group' IN (a.kind, c.kind) THEN 'group'
            WHEN a.kind IN ('residual', 'total') OR c.kind = 'residual' THEN 'residual'
            WHEN f.ref_area = f.counterpart_area THEN 'same_area'
            ELSE 'corridor'
        END AS kind,
        core.is_modelled(f.nature, f.obs_status) OR coalesce(f.concept_basis LIKE '%imputed%', FALSE) AS is_modelled,
        f.published_value AS value,
        f.unit,
        m.ref_area_is AS reported_by,
        m.mirror,
        f.indicator,
        f.counterpart_basis,
        f.concept_basis,
        f.sex,
        f.breakdown,
        f.time_period,
        f.obs_status,
        f.source,
        f.observation_id,
        m.place,
        array_position(string_to_array(m.counterpart_basis, '|'), f.counterpart_basis) AS basis_place
    FROM bi.observation_all AS f
    INNER JOIN measures AS m
        ON
            f.indicator = m.indicator
            AND f.sex = m.sex
            AND f.breakdown = m.breakdown
            AND f.counterpart_basis = any(string_to_array(m.counterpart_basis, '|'))
    INNER JOIN ref.area AS a ON f.ref_area = a.code
    INNER JOIN ref.area AS c ON f.counterpart_area = c.code
    WHERE
        f.preferred
        AND f.freq = 'A'
        AND f.counterpart_area <> '_T'
        AND f.subdivision = '_T'
        AND f.age = '_T'
        AND f.migration_status = '_T'
        AND f.education = '_T'
        AND f.labour_status = '_T'
        AND f.occupation = '_T'
        AND f.activity = '_T'
        AND f.reason = '_T'
        AND f.urbanisation = '_T'
        AND f.disability = '_T'
)

SELECT
    origin,
    destination,
    year,
    measure,
    kind,
    row_number() OVER (
        PARTITION BY origin, destination, year, measure, is_modelled
        ORDER BY value IS NULL ASC, place ASC, basis_place ASC, source ASC, observation_id ASC
    ) = 1 AS is_shown,
    row_number() OVER (
        PARTITION BY origin, destination, year, measure
        ORDER BY value IS NULL ASC, is_modelled ASC, place ASC, basis_place ASC, source ASC, observation_id ASC
    ) = 1 AS is_first,
    is_modelled,
    value,
    unit,
    reported_by,
    mirror,
    indicator,
    counterpart_basis,
    concept_basis,
    sex,
    breakdown,
    time_period,
    obs_status,
    source,
    observation_id
FROM figures
