SELECT max(vintage_id) AS vintage_id FROM ops.vintage
WHERE source = %(source)s
