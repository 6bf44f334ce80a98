SELECT * FROM ops.upload_now
WHERE (%(country)s::text IS null OR country = %(country)s)
ORDER BY received_at DESC
LIMIT %(most)s
