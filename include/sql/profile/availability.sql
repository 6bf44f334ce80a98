SELECT
    i.topic,
    d.indicator,
    i.name_en AS indicator_name,
    d.dimension,
    d.state,
    d.latest_year
FROM bi.disaggregation AS d
INNER JOIN bi.dim_indicator AS i ON d.indicator = i.indicator
WHERE d.ref_area = %(area)s
ORDER BY i.topic, d.indicator, d.dimension
