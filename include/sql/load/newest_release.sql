SELECT max(released_at) AS released_at FROM ops.vintage
WHERE source = %(source)s
