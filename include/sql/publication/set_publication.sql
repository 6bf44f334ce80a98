INSERT INTO ops.publication (source, vintage_id, restricted)
SELECT
    s.code,
    %(vintage_id)s,
    s.redistribution <> 'allowed'
FROM ref.source AS s
WHERE s.code = %(source)s
ON CONFLICT (source) DO UPDATE SET
    vintage_id = excluded.vintage_id,
    restricted = excluded.restricted,
    published_at = now()
