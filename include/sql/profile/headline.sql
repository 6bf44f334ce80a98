-- The latest figure of each total of the country: all sexes, all ages, all counterparts, the whole country.
SELECT DISTINCT ON (i.topic, f.indicator)
    i.topic,
    f.indicator,
    i.name_en AS indicator_name,
    f.time_period,
    f.published_value AS value,
    f.unit,
    u.name_en AS unit_name,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.observation_id
FROM bi.fact_observation AS f
INNER JOIN bi.dim_code AS u ON u.dimension = 'unit' AND f.unit = u.code
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
WHERE
    f.ref_area = %(area)s
    AND f.published_value IS NOT NULL
    AND f.subdivision = '_T' AND f.counterpart_area = '_T' AND f.sex = '_T' AND f.age = '_T'
    AND f.migration_status IN ('_T', 'MIGRANT') AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
    AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
    AND f.disability = '_T' AND f.breakdown IN ('_T', '_Z')
ORDER BY i.topic ASC, f.indicator ASC, f.year DESC, f.time_period DESC
