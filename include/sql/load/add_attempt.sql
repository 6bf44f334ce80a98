INSERT INTO ops.attempt (run_id, source, step, slice, number, host, process)
VALUES (%(run_id)s, %(source)s, %(step)s, %(slice)s, %(number)s, %(host)s, %(process)s)
RETURNING attempt_id
