-- Figures of one indicator of one source by age, as bi has them; what is computed here is no part of it.
SELECT
    dataset,
    indicator,
    freq,
    ref_area,
    subdivision,
    counterpart_area,
    counterpart_basis,
    sex,
    migration_status,
    education,
    labour_status,
    occupation,
    activity,
    reason,
    urbanisation,
    disability,
    breakdown,
    time_period,
    year,
    unit,
    age,
    published_value AS value,
    obs_status,
    missing_reason
FROM bi.observation_all
WHERE source = %(source)s AND indicator = %(indicator)s
ORDER BY observation_id
