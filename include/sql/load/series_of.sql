SELECT
    series_id,
    source,
    indicator,
    freq,
    ref_area,
    subdivision,
    counterpart_area,
    counterpart_basis,
    sex,
    age,
    migration_status,
    education,
    labour_status,
    occupation,
    activity,
    reason,
    urbanisation,
    disability,
    breakdown
FROM core.series
WHERE source = %(source)s AND series_id = any(%(ids)s)
