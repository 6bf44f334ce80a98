-- When a load of each source last came to an end, the share of its figures in quarantine, and what the last check said
-- of that share: a check that fails stops the load.
WITH judged AS (
    SELECT DISTINCT ON (source)
        source,
        success,
        failing
    FROM ops.validation_result
    WHERE suite = 'landed' AND column_name = 'quarantine_share'
    ORDER BY source ASC, checked_at DESC, success ASC
),

ended AS (
    SELECT DISTINCT ON (source)
        source,
        load_id
    FROM ops.outcome
    WHERE step = 'load' AND status <> 'failed' AND error_class IS NULL
    ORDER BY source ASC, outcome_id DESC
),

-- of figures that are made from records, the cells beyond one each: they are in no figure of their own, and weigh
aggregated AS (
    SELECT
        d.source,
        sum(e.cells) AS cells
    FROM ended AS d
    INNER JOIN ops.explained AS e ON d.load_id = e.load_id AND e.reason = 'aggregated'
    GROUP BY d.source
)

SELECT
    coalesce(s.source, j.source) AS source,
    s.at AS loaded_at,
    s.quarantined::double precision
    / nullif(s.loaded + s.unchanged + s.quarantined + coalesce(a.cells, 0), 0) AS share,
    coalesce(j.success, TRUE) AS within_bound,
    coalesce(j.failing, '') AS failing
FROM ops.load_summary AS s
LEFT JOIN aggregated AS a ON s.source = a.source
FULL JOIN judged AS j ON s.source = j.source
