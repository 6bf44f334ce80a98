-- Codes of a selection that are none of ours: what they name would be missing without a word.
SELECT
    'country' AS kind,
    u.code
FROM unnest(%(countries)s::text[]) AS u (code)
WHERE
    NOT EXISTS (
        SELECT FROM bi.dim_area AS a
        WHERE a.area = u.code
    )
UNION ALL
SELECT
    'indicator' AS kind,
    u.code
FROM unnest(%(indicators)s::text[]) AS u (code)
WHERE
    NOT EXISTS (
        SELECT FROM bi.dim_indicator AS i
        WHERE i.indicator = u.code
    )
UNION ALL
SELECT
    'source' AS kind,
    u.code
FROM unnest(%(sources)s::text[]) AS u (code)
WHERE
    NOT EXISTS (
        SELECT FROM bi.dim_source AS s
        WHERE s.source = u.code
    )
ORDER BY kind, code
