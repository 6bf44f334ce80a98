-- One row per source, declared (in %(sources)s) or known: what was accepted last, what is published, what came last.
WITH known AS (
    SELECT unnest(%(sources)s::text[]) AS source
    UNION
    SELECT code FROM ref.source
    WHERE code <> 'migstats'
),

published AS (
    SELECT
        source,
        count(*) AS figures
    FROM core.published
    GROUP BY source
)

SELECT
    k.source,
    r.title,
    v.vintage_id AS vintage,
    v.release,
    v.released_at,
    v.accepted_at,
    p.vintage_id AS published_vintage,
    w.release AS published_release,
    coalesce(f.figures, 0) AS figures,
    s.at AS loaded_at,
    s.quarantined,
    o.step,
    o.slice,
    o.status,
    o.message,
    o.run_id,
    o.at,
    j.run_id AS judged_run_id
FROM known AS k
LEFT JOIN ref.source AS r ON k.source = r.code
LEFT JOIN published AS f ON k.source = f.source
LEFT JOIN ops.publication AS p ON k.source = p.source
LEFT JOIN ops.vintage AS w ON p.vintage_id = w.vintage_id
LEFT JOIN ops.load_summary AS s ON k.source = s.source
LEFT JOIN LATERAL (
    SELECT
        vintage.vintage_id,
        vintage.release,
        vintage.released_at,
        vintage.accepted_at
    FROM ops.vintage
    WHERE vintage.source = k.source
    ORDER BY vintage.vintage_id DESC
    LIMIT 1
) AS v ON TRUE
LEFT JOIN LATERAL (
    SELECT
        outcome.step,
        outcome.slice,
        outcome.status,
        outcome.message,
        outcome.run_id,
        outcome.at
    FROM ops.outcome
    WHERE outcome.source = k.source
    ORDER BY outcome.outcome_id DESC
    LIMIT 1
) AS o ON TRUE
LEFT JOIN LATERAL (
    SELECT validation_result.run_id
    FROM ops.validation_result
    WHERE validation_result.source = k.source
    ORDER BY validation_result.checked_at DESC
    LIMIT 1
) AS j ON TRUE
ORDER BY k.source
