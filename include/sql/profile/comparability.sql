-- What two sources say differently of the country itself, the largest first.
SELECT
    r.indicator,
    i.name_en AS indicator_name,
    r.time_period,
    r.source,
    r.observation_id,
    r.published_value,
    r.other_source,
    r.other_observation_id,
    r.other_value,
    r.relative_difference,
    r.reason_code
FROM bi.reconciliation AS r
INNER JOIN bi.dim_indicator AS i ON r.indicator = i.indicator
WHERE
    r.ref_area = %(area)s AND NOT r.within_tolerance AND r.comparison = 'cell'
    AND r.counterpart_area = '_T' AND r.sex = '_T' AND r.age = '_T' AND r.subdivision = '_T'
ORDER BY r.score DESC
LIMIT %(most)s
