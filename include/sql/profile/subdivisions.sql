-- Parts of the country, of the latest period of each indicator that has any (a year before its quarters), of one level:
-- provinces, and districts where there are no provinces.
WITH figures AS (
    SELECT
        f.*,
        u.name_en AS unit_of_area,
        u.level,
        first_value(f.time_period) OVER (
            PARTITION BY f.indicator
            ORDER BY f.year DESC, f.freq ASC, f.time_period DESC
        ) AS latest
    FROM bi.fact_observation AS f
    INNER JOIN bi.dim_subdivision AS u ON f.subdivision = u.subdivision
    WHERE
        f.ref_area = %(area)s AND f.subdivision NOT IN ('_T', '_U', '_Z') AND f.published_value IS NOT NULL
        AND f.counterpart_area = '_T' AND f.sex = '_T' AND f.age = '_T' AND f.unit = 'PS'
        AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z') AND f.occupation = '_T'
        AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T' AND f.disability = '_T'
        AND f.breakdown IN ('_T', '_Z')
),

levels AS (
    SELECT
        *,
        min(level) OVER (PARTITION BY indicator) AS widest
    FROM figures
    WHERE time_period = latest
)

SELECT
    f.indicator,
    i.name_en AS indicator_name,
    f.subdivision,
    coalesce(f.subdivision_published, f.unit_of_area) AS subdivision_name,
    f.time_period,
    f.published_value AS value,
    f.unit,
    w.name_en AS unit_name,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.observation_id
FROM levels AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_code AS w ON w.dimension = 'unit' AND f.unit = w.code
WHERE f.level IS NOT DISTINCT FROM f.widest
ORDER BY f.indicator ASC, f.published_value DESC, f.subdivision ASC
