SELECT
    number,
    kind,
    severity,
    scope,
    found,
    allowed,
    message,
    place,
    time_period,
    was,
    now,
    size,
    waiver_id
FROM ops.gate_finding
WHERE candidate_id = %(candidate_id)s
ORDER BY severity = 'notice', waiver_id IS NOT NULL, number
