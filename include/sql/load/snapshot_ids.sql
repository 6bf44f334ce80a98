SELECT
    sha256,
    min(snapshot_id) AS snapshot_id
FROM raw.snapshot
WHERE source = %(source)s AND slice = %(slice)s AND release = %(release)s AND sha256 = any(%(sha256)s)
GROUP BY sha256
