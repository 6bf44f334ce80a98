-- A landing is settled, and with it those before it that never were: what it says stands in their place.
INSERT INTO ops.settled (landing_id, load_id, reason)
SELECT
    landing_id,
    CASE WHEN landed_at = %(landed_at)s THEN %(load_id)s END,
    CASE WHEN landed_at = %(landed_at)s THEN %(reason)s ELSE 'superseded' END
FROM raw.landing
WHERE source = %(source)s AND slice = %(slice)s AND release = %(release)s AND landed_at <= %(landed_at)s
ON CONFLICT (landing_id) DO NOTHING
