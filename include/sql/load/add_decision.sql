INSERT INTO ops.decision (candidate_id, verdict, decided_by, reason)
VALUES (%(candidate_id)s, %(verdict)s, %(decided_by)s, %(reason)s)
ON CONFLICT (candidate_id) DO NOTHING
