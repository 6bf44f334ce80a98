-- What the gate found of a candidate: breaches, then those that a waiver lets pass, then notices.
SELECT
    f.number,
    f.kind,
    f.severity,
    f.scope,
    f.found,
    f.allowed,
    f.message,
    f.place,
    f.time_period,
    f.was,
    f.now,
    f.size,
    f.waiver_id,
    w.up_to,
    w.author,
    w.reason,
    w.expires_at
FROM ops.gate_finding AS f
LEFT JOIN ops.waiver AS w ON f.waiver_id = w.waiver_id
WHERE f.candidate_id = %(candidate_id)s
ORDER BY f.severity = 'notice', f.waiver_id IS NOT NULL, f.number
