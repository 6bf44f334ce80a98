-- Totals of the country over time, of the indicators that are asked for.
SELECT
    f.indicator,
    f.time_period,
    f.year,
    f.published_value AS value,
    f.unit,
    u.name_en AS unit_name,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.observation_id
FROM bi.fact_observation AS f
INNER JOIN bi.dim_code AS u ON u.dimension = 'unit' AND f.unit = u.code
WHERE
    f.ref_area = %(area)s
    AND f.indicator = any(%(indicators)s)
    AND f.freq = 'A'
    AND f.subdivision = '_T' AND f.counterpart_area = '_T' AND f.sex = '_T' AND f.age = '_T'
    AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z') AND f.occupation = '_T'
    AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T' AND f.disability = '_T'
    AND f.breakdown IN ('_T', '_Z')
ORDER BY f.indicator, f.year, f.time_period
