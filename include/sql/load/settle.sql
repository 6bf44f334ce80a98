INSERT INTO ops.settled (landing_id, load_id, reason)
SELECT
    landing_id,
    %(load_id)s,
    %(reason)s
FROM raw.landing
WHERE source = %(source)s AND slice = %(slice)s AND release = %(release)s AND landed_at = %(landed_at)s
ON CONFLICT (landing_id) DO NOTHING
