-- Parts of the country, of the latest year of each indicator that has any.
WITH figures AS (
    SELECT
        f.*,
        max(f.year) OVER (PARTITION BY f.indicator) AS latest
    FROM bi.fact_observation AS f
    WHERE
        f.ref_area = %(area)s AND f.subdivision NOT IN ('_T', '_U', '_Z') AND f.published_value IS NOT NULL
        AND f.sex = '_T' AND f.age = '_T' AND f.counterpart_area = '_T' AND f.unit = 'PS'
)

SELECT
    f.indicator,
    i.name_en AS indicator_name,
    f.subdivision,
    coalesce(f.subdivision_published, u.name_en) AS subdivision_name,
    f.time_period,
    f.published_value AS value,
    f.unit,
    w.name_en AS unit_name,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.observation_id
FROM figures AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_subdivision AS u ON f.subdivision = u.subdivision
INNER JOIN bi.dim_code AS w ON w.dimension = 'unit' AND f.unit = w.code
WHERE f.year = f.latest
ORDER BY f.indicator ASC, f.published_value DESC, f.subdivision ASC
