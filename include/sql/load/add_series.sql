INSERT INTO core.series (
    source, series_id, indicator, freq, ref_area, subdivision, counterpart_area, counterpart_basis, sex, age,
    migration_status, education, labour_status, occupation, activity, reason, urbanisation, disability, breakdown
)
SELECT
    source,
    series_id,
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
FROM stage_series
ON CONFLICT (source, series_id) DO NOTHING
