-- The uploads that a candidate is made of: those confirmed ones whose canonical tables were read.
INSERT INTO ops.upload_candidate (candidate_id, upload_id)
SELECT
    %(candidate_id)s,
    upload_id
FROM ops.upload_now
WHERE snapshot = any(%(snapshots)s) AND state = 'submitted'
ON CONFLICT DO NOTHING
