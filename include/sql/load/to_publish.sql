SELECT
    v.source,
    max(v.vintage_id) AS vintage_id
FROM ops.vintage AS v
LEFT JOIN ops.publication AS p ON v.source = p.source
WHERE p.vintage_id IS NULL OR v.vintage_id > p.vintage_id
GROUP BY v.source
ORDER BY v.source
