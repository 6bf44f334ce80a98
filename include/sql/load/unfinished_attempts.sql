-- Attempts without outcome of one step (or, with NULL, of all) that began before a moment.
SELECT
    attempt_id,
    run_id,
    source,
    step,
    slice,
    number,
    host,
    process,
    began_at
FROM ops.unfinished
WHERE
    (
        %(run_id)s::text IS NULL
        OR (run_id = %(run_id)s AND source = %(source)s AND step = %(step)s AND slice IS NOT DISTINCT FROM %(slice)s)
    )
    AND began_at < %(before)s
ORDER BY attempt_id
