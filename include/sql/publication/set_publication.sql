INSERT INTO ops.publication (source, vintage_id, restricted, disclosure_rule)
SELECT
    s.code,
    %(vintage_id)s,
    s.redistribution <> 'allowed',
    s.disclosure_rule
FROM ref.source AS s
WHERE s.code = %(source)s
ON CONFLICT (source) DO UPDATE SET
    vintage_id = excluded.vintage_id,
    restricted = excluded.restricted,
    disclosure_rule = excluded.disclosure_rule,
    published_at = now()
