-- How long has a source (or, with NULL, each of them) been failing, and at what? One row per step and slice whose last
-- failure nothing has made good yet. A slice is good again with a load that holds it, a step of the whole source with
-- any load, what comes after the load with a publish. The source * is the publish of all. A snapshot that is damaged has
-- an alert of its own: no load mends it.
WITH loaded_slice AS (
    SELECT
        o.source,
        n.slice,
        max(o.outcome_id) AS outcome_id
    FROM ops.outcome AS o
    INNER JOIN ops.load_snapshot AS b ON o.load_id = b.load_id
    INNER JOIN raw.snapshot AS n ON b.snapshot_id = n.snapshot_id
    WHERE o.step = 'load' AND o.load_id IS NOT NULL
    GROUP BY o.source, n.slice
),

loaded AS (
    SELECT
        source,
        max(outcome_id) AS outcome_id
    FROM ops.outcome
    WHERE step = 'load' AND load_id IS NOT NULL
    GROUP BY source
),

published AS (
    SELECT
        source,
        max(outcome_id) AS outcome_id
    FROM ops.outcome
    WHERE step = 'publish' AND status = 'done'
    GROUP BY source
    UNION ALL
    SELECT
        '*' AS source,
        max(o.outcome_id) AS outcome_id
    FROM ops.outcome AS o
    WHERE
        o.step = 'publish' AND o.status <> 'failed'
        AND NOT EXISTS (
            SELECT 1 FROM ops.outcome AS f
            WHERE f.run_id = o.run_id AND f.source = '*' AND f.step = 'publish' AND f.status = 'failed'
        )
),

kept_house AS (
    SELECT
        step,
        max(outcome_id) AS outcome_id
    FROM ops.outcome
    WHERE step IN ('freshness', 'tell', 'tidy') AND status = 'done'
    GROUP BY step
),

failures AS (
    SELECT f.*
    FROM ops.outcome AS f
    LEFT JOIN loaded_slice AS s ON f.source = s.source AND f.slice = s.slice
    LEFT JOIN loaded AS l ON f.source = l.source
    LEFT JOIN published AS p ON f.source = p.source
    LEFT JOIN kept_house AS h ON f.step = h.step
    WHERE
        f.status = 'failed' AND f.step <> 'verify'
        AND (%(source)s::text IS NULL OR f.source = %(source)s)
        AND f.outcome_id > coalesce(
            CASE
                WHEN f.step IN ('freshness', 'tell', 'tidy') THEN h.outcome_id
                WHEN f.slice IS NOT NULL THEN s.outcome_id
                WHEN f.step IN ('check_warehouse', 'publish') THEN p.outcome_id
                ELSE l.outcome_id
            END,
            0
        )
)

SELECT
    source,
    step,
    slice,
    min(at) AS since,
    max(at) AS last_at,
    count(DISTINCT run_id) AS runs,
    count(*) AS attempts,
    (array_agg(error_class ORDER BY outcome_id DESC))[1] AS error_class,
    (array_agg(message ORDER BY outcome_id DESC))[1] AS message,
    (array_agg(run_id ORDER BY outcome_id DESC))[1] AS run_id
FROM failures
GROUP BY source, step, slice
ORDER BY min(at), source, step, slice
