SELECT
    number,
    series,
    time_period,
    was,
    now
FROM ops.gate_difference
WHERE candidate_id = %(candidate_id)s
ORDER BY number
