-- A candidate, what was decided of it, who is asked about it, and what became of it.
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
    q.run_id AS asked_in,
    q.expires_at,
    q.alive_until IS NOT NULL AS in_airflow,
    CASE
        WHEN o.candidate_id IS NOT NULL THEN 'waits'
        WHEN q.question_id IS NULL THEN 'not asked'
        WHEN q.expires_at <= clock_timestamp() THEN 'timed out'
        WHEN q.alive_until <= clock_timestamp() THEN 'form gone'
        ELSE 'superseded'
    END AS question,
    array(
        SELECT v.vintage_id FROM ops.vintage AS v
        WHERE v.candidate_id = c.candidate_id
        ORDER BY v.vintage_id
    ) AS vintages
FROM ops.candidate AS c
INNER JOIN ref.source AS r ON c.source = r.code
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
LEFT JOIN ops.open_decision AS o ON c.candidate_id = o.candidate_id
LEFT JOIN LATERAL (
    SELECT
        question.question_id,
        question.run_id,
        question.expires_at,
        question.alive_until
    FROM ops.question
    WHERE question.candidate_id = c.candidate_id
    ORDER BY question.question_id DESC
    LIMIT 1
) AS q ON TRUE
WHERE c.candidate_id = %(candidate_id)s
