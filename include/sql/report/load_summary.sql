SELECT
    source,
    snapshots,
    landed,
    loaded,
    unchanged,
    quarantined,
    explained,
    seconds,
    vintage,
    release,
    released_at,
    outcome,
    at
FROM ops.load_summary
ORDER BY source
