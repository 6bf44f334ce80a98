-- The figures that went into one of ours, each with the id that leads on to its cell.
SELECT
    d.role,
    d.input_observation_id AS observation_id,
    i.source,
    i.indicator,
    i.ref_area,
    i.counterpart_area,
    i.sex,
    i.age,
    i.migration_status,
    i.time_period,
    i.point_in_time,
    i.published_value,
    i.unit,
    i.obs_status
FROM bi.derivation AS d
LEFT JOIN bi.observation_all AS i ON d.input_observation_id = i.observation_id
WHERE d.observation_id = %(observation_id)s
ORDER BY d.role, d.input_observation_id
