-- A candidate, what was decided of it, and what became of it.
SELECT
    c.candidate_id,
    c.source,
    r.title,
    c.release,
    c.base_vintage,
    c.breaches,
    c.notices,
    c.run_id,
    c.judged_at,
    d.verdict,
    d.decided_by,
    d.reason,
    d.decided_at,
    o.candidate_id IS NOT NULL AS waits,
    array(
        SELECT v.vintage_id FROM ops.vintage AS v
        WHERE v.candidate_id = c.candidate_id
        ORDER BY v.vintage_id
    ) AS vintages
FROM ops.candidate AS c
INNER JOIN ref.source AS r ON c.source = r.code
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
LEFT JOIN ops.open_decision AS o ON c.candidate_id = o.candidate_id
WHERE c.candidate_id = %(candidate_id)s
