SELECT
    sha256,
    bytes,
    url,
    media_type,
    etag,
    last_modified,
    retrieved_at
FROM raw.snapshot
WHERE
    source = %(source)s AND slice = %(slice)s AND release = %(release)s
    AND snapshot_id = (
        SELECT max(newest.snapshot_id) FROM raw.snapshot AS newest
        WHERE newest.source = %(source)s AND newest.slice = %(slice)s AND newest.release = %(release)s
    )
    AND NOT EXISTS (
        SELECT 1 FROM raw.snapshot AS further
        WHERE
            further.source = %(source)s AND further.slice = %(slice)s AND further.release = %(release)s
            AND further.part > 1
    )
