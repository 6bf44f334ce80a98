-- Sources of which each figure has to be looked at: all of those with a policy, of the others what is confidential to its
-- sender (and all that may tell of it: the figures of these indicators and areas).
SELECT
    s.code AS source,
    s.disclosure_rule,
    NULL::text[] AS indicators,
    NULL::text[] AS areas
FROM ref.source AS s
INNER JOIN pg_temp.disclosure AS d ON s.code = d.source
WHERE s.disclosure <> 'inherit' AND s.code IN (SELECT p.source FROM pg_temp.published AS p)
UNION ALL
SELECT
    s.code AS source,
    s.disclosure_rule,
    array_agg(DISTINCT p.indicator) AS indicators,
    array_agg(DISTINCT p.ref_area) AS areas
FROM pg_temp.published AS p
INNER JOIN ref.source AS s ON p.source = s.code
WHERE s.disclosure = 'inherit' AND p.conf_status IN ('C', 'N', 'D', 'S') AND p.published_value IS NOT NULL
GROUP BY s.code, s.disclosure_rule
ORDER BY source
