SELECT
    slice,
    release,
    released_at,
    content_sha256,
    facts_path,
    facts_sha256,
    load_id,
    landed_at,
    snapshots,
    made_with
FROM ops.slice_state
WHERE source = %(source)s AND slice = any(%(slices)s)
ORDER BY slice, released_at
