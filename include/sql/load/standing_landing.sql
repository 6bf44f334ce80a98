-- The landing that stands of a slice and release, where it was read with other facts of ours than today's.
SELECT
    l.landed,
    s.content_sha256
FROM ops.slice_state AS s
INNER JOIN raw.landing AS l
    ON s.source = l.source AND s.slice = l.slice AND s.release = l.release AND s.landed_at = l.landed_at
WHERE
    s.source = %(source)s AND s.slice = %(slice)s AND s.release = %(release)s AND s.made_with <> %(made_with)s
    AND s.released_at = (
        SELECT max(last.released_at) FROM ops.slice_state AS last
        WHERE last.source = %(source)s AND last.slice = %(slice)s AND last.release = %(release)s
    )
