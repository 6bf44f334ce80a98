INSERT INTO ops.upload_candidate (candidate_id, upload_id)
VALUES (%(candidate_id)s, %(upload_id)s)
ON CONFLICT DO NOTHING
