INSERT INTO ops.upload_event (
    upload_id, state, who, content_sha256, candidate_id, vintage_id, reason, embargo_until
)
VALUES (
    %(upload_id)s, %(state)s, %(who)s, %(content_sha256)s, %(candidate_id)s, %(vintage_id)s, %(reason)s,
    %(embargo_until)s
)
