INSERT INTO ops.outcome (
    run_id, source, step, slice, status, error_class, message, load_id, vintage_id, snapshots, landed, loaded,
    unchanged, quarantined, explained, seconds, bytes, attempt_id
)
VALUES (
    %(run_id)s, %(source)s, %(step)s, %(slice)s, %(status)s, %(error_class)s, %(message)s, %(load_id)s,
    %(vintage_id)s, %(snapshots)s, %(landed)s, %(loaded)s, %(unchanged)s, %(quarantined)s, %(explained)s, %(seconds)s,
    %(bytes)s, %(attempt_id)s
)
ON CONFLICT (attempt_id) WHERE attempt_id IS NOT NULL DO NOTHING
