SELECT vintage_id FROM ops.vintage
WHERE source = %(source)s
ORDER BY released_at DESC, vintage_id DESC
LIMIT 1
