-- The form of this run is still there.
UPDATE ops.question SET alive_until = %(alive_until)s
WHERE candidate_id = %(candidate_id)s AND run_id = %(run_id)s AND alive_until IS NOT NULL
