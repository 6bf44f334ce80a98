-- Sources with a vintage that readers do not see yet, or whose figures stand in bi and may not, or the other way round,
-- or which were published under another policy of disclosure control.
SELECT
    v.source,
    max(v.vintage_id) AS vintage_id
FROM ops.vintage AS v
INNER JOIN ref.source AS s ON v.source = s.code
LEFT JOIN ops.publication AS p ON v.source = p.source
WHERE
    p.vintage_id IS NULL OR v.vintage_id > p.vintage_id
    OR p.restricted IS DISTINCT FROM (s.redistribution <> 'allowed')
    OR p.disclosure_rule IS DISTINCT FROM s.disclosure_rule
GROUP BY v.source
ORDER BY v.source
