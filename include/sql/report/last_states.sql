-- What was accepted last of each slice and release of a source: with which facts of ours, and when it landed.
SELECT DISTINCT ON (slice, release)
    slice,
    release,
    made_with,
    landed_at
FROM ops.slice_state
WHERE source = %(source)s
ORDER BY slice ASC, release ASC, released_at DESC
