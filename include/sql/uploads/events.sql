SELECT
    number,
    state,
    at,
    who,
    content_sha256,
    candidate_id,
    vintage_id,
    reason
FROM ops.upload_event
WHERE upload_id = %(upload_id)s
ORDER BY number
