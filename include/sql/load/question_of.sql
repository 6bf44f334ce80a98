-- How a candidate stands that the run %(run_id)s asks (or would ask) about: was it decided, was what it was compared
-- with replaced, is there a newer question about the same slices, does another run ask the same?
SELECT
    c.source,
    c.breaches,
    c.base_vintage,
    d.verdict,
    d.decided_by,
    ops.vintage_of(c.source, c.slices) AS latest_vintage,
    n.run_id AS newer_run,
    e.run_id AS asking_run,
    e.expires_at AS asking_until
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
LEFT JOIN LATERAL (
    SELECT
        question.question_id,
        question.landed_at
    FROM ops.question
    WHERE question.candidate_id = c.candidate_id AND question.run_id = %(run_id)s
    ORDER BY question.question_id DESC
    LIMIT 1
) AS own ON TRUE
LEFT JOIN LATERAL (
    SELECT q.run_id
    FROM ops.question AS q
    INNER JOIN ops.candidate AS o ON q.candidate_id = o.candidate_id
    WHERE
        o.source = c.source AND q.slices @> %(slices)s::text[]
        AND (own.question_id IS NOT NULL OR q.candidate_id <> c.candidate_id)
        AND (q.landed_at, q.question_id)
        > (coalesce(own.landed_at, %(landed_at)s::timestamptz), coalesce(own.question_id, 9223372036854775807))
    ORDER BY q.landed_at DESC, q.question_id DESC
    LIMIT 1
) AS n ON TRUE
LEFT JOIN LATERAL (
    SELECT
        w.run_id,
        w.expires_at
    FROM ops.open_decision AS w
    WHERE w.candidate_id = c.candidate_id AND w.run_id <> %(run_id)s
    ORDER BY w.asked_at DESC
    LIMIT 1
) AS e ON TRUE
WHERE c.candidate_id = %(candidate_id)s
