-- Women and men by age of the latest period that has both, of the source with most bands; a year before its quarters. What
-- is missing or suppressed comes along, so that no sum leaves it out.
WITH figures AS (
    SELECT
        f.source,
        f.year,
        f.freq,
        f.time_period,
        f.age,
        f.sex,
        f.published_value AS value,
        f.unit,
        f.obs_status,
        f.concept_basis,
        f.observation_id
    FROM bi.fact_observation AS f
    WHERE
        f.ref_area = %(area)s AND f.indicator = any(%(indicators)s) AND f.method = 'published'
        AND f.sex IN ('F', 'M') AND f.age NOT IN ('_T', '_U', '_Z')
        AND f.counterpart_area = '_T' AND f.subdivision = '_T' AND f.breakdown IN ('_T', '_Z')
        AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
        AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
        AND f.disability = '_T'
),

chosen AS (
    SELECT
        source,
        time_period
    FROM figures
    GROUP BY source, year, freq, time_period
    HAVING count(value) > 4 AND count(DISTINCT sex) FILTER (WHERE value IS NOT NULL) = 2
    ORDER BY year DESC, freq = 'A' DESC, count(value) DESC, time_period DESC, source ASC
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
INNER JOIN chosen AS c ON f.source = c.source AND f.time_period = c.time_period
INNER JOIN bi.dim_age AS g ON f.age = g.age
INNER JOIN bi.dim_code AS w ON w.dimension = 'unit' AND f.unit = w.code
ORDER BY g.min_age, g.max_age, f.sex
