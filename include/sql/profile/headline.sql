SELECT
    p.topic,
    p.indicator,
    p.indicator_name,
    p.time_period,
    p.published_value AS value,
    p.unit,
    u.name_en AS unit_name,
    p.obs_status,
    p.concept_basis,
    p.source,
    p.observation_id,
    CASE WHEN p.age NOT IN ('_T', '_Z') THEN p.age_name END AS age_name
FROM bi.country_profile AS p
INNER JOIN bi.dim_code AS u ON u.dimension = 'unit' AND p.unit = u.code
WHERE p.ref_area = %(area)s
ORDER BY p.topic, p.indicator
