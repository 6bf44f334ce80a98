INSERT INTO ops.question (candidate_id, run_id, slices, landed_at, expires_at, alive_until)
VALUES (%(candidate_id)s, %(run_id)s, %(slices)s, %(landed_at)s, %(expires_at)s, %(alive_until)s)
