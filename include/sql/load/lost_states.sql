-- Slices that a load loaded and that have no accepted state all the same.
SELECT
    l.slice,
    s.load_id
FROM raw.landing AS l
INNER JOIN ops.settled AS s ON l.landing_id = s.landing_id
WHERE
    l.source = %(source)s AND l.slice = any(%(slices)s) AND s.reason = 'loaded'
    AND NOT EXISTS (
        SELECT 1 FROM ops.slice_state AS t
        WHERE l.source = t.source AND l.slice = t.slice
    )
ORDER BY l.slice ASC, l.landed_at DESC
LIMIT 1
