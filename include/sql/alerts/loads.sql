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
)

SELECT
    coalesce(s.source, j.source) AS source,
    s.at AS loaded_at,
    s.quarantined::double precision / nullif(s.loaded + s.unchanged + s.quarantined, 0) AS share,
    coalesce(j.success, TRUE) AS within_bound,
    coalesce(j.failing, '') AS failing
FROM ops.load_summary AS s
FULL JOIN judged AS j ON s.source = j.source
