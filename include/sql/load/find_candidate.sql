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
    d.decided_at,
    (
        SELECT max(u.embargo_until) FROM ops.upload_candidate AS k
        INNER JOIN ops.upload_now AS u ON k.upload_id = u.upload_id
        WHERE k.candidate_id = c.candidate_id
    ) AS embargo_until
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
WHERE c.candidate_id = %(candidate_id)s
