SELECT
    candidate_id,
    source,
    release,
    breaches,
    judged_at,
    expires_at,
    run_id,
    in_airflow
FROM ops.open_decision
ORDER BY judged_at
