INSERT INTO ops.load_landing (load_id, landing_id, made_with, content_sha256)
SELECT
    %(load_id)s,
    landing_id,
    %(made_with)s,
    %(content_sha256)s
FROM raw.landing
WHERE source = %(source)s AND slice = %(slice)s AND release = %(release)s AND landed_at = %(landed_at)s
