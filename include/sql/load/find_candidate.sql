SELECT
    c.candidate_id,
    c.source,
    c.release,
    c.base_vintage,
    c.breaches,
    c.notices,
    d.verdict,
    d.decided_by,
    d.reason,
    d.decided_at
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
WHERE c.candidate_id = %(candidate_id)s
