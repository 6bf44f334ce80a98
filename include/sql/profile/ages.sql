-- Women and men by age of the latest year that has both, of the source with most bands.
WITH figures AS (
    SELECT
        f.source,
        f.year,
        f.time_period,
        f.age,
        f.sex,
        f.published_value AS value,
        f.unit,
        f.obs_status,
        f.concept_basis,
        f.observation_id,
        count(*) OVER (PARTITION BY f.source, f.year) AS bands
    FROM bi.fact_observation AS f
    WHERE
        f.ref_area = %(area)s AND f.indicator = any(%(indicators)s) AND f.method = 'published'
        AND f.sex IN ('F', 'M') AND f.age NOT IN ('_T', '_U') AND f.published_value IS NOT NULL
        AND f.counterpart_area = '_T' AND f.subdivision = '_T' AND f.breakdown IN ('_T', '_Z')
        AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
        AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
        AND f.disability = '_T'
),

chosen AS (
    SELECT
        source,
        year
    FROM figures
    WHERE bands > 4
    ORDER BY year DESC, bands DESC, source ASC
    LIMIT 1
)

SELECT
    f.age,
    g.name_en AS age_name,
    g.min_age,
    g.max_age,
    f.sex,
    f.time_period,
    f.value,
    f.unit,
    w.name_en AS unit_name,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.observation_id
FROM figures AS f
INNER JOIN chosen AS c ON f.source = c.source AND f.year = c.year
INNER JOIN bi.dim_age AS g ON f.age = g.age
INNER JOIN bi.dim_code AS w ON w.dimension = 'unit' AND f.unit = w.code
ORDER BY g.min_age, g.max_age, f.sex
