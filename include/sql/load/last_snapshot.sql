-- The last landing of a slice of one page, with what its publisher needs to say that nothing changed since.
SELECT
    l.landed,
    s.sha256,
    s.etag,
    s.last_modified
FROM raw.landing AS l
INNER JOIN raw.snapshot AS s
    ON
        l.source = s.source AND l.slice = s.slice AND l.release = s.release AND s.part = 1
        AND s.sha256 = l.landed -> 'pages' -> 0 ->> 'sha256'
WHERE
    l.source = %(source)s AND l.slice = %(slice)s AND l.release = %(release)s
    AND jsonb_array_length(l.landed -> 'pages') = 1
    AND l.landed_at = (
        SELECT max(newest.landed_at) FROM raw.landing AS newest
        WHERE newest.source = %(source)s AND newest.slice = %(slice)s AND newest.release = %(release)s
    )
