SELECT
    candidate_id,
    source,
    release,
    breaches,
    judged_at
FROM ops.open_decision
ORDER BY judged_at
