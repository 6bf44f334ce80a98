INSERT INTO core.observation (
    source, series_id, time_id, value, obs_status, attribute_id, place_id, place_row, raw, vintage_from, known_from
)
SELECT
    %(source)s,
    series_id,
    time_id,
    value,
    obs_status,
    attribute_id,
    place_id,
    place_row,
    raw,
    %(vintage)s,
    known_from
FROM stage_facts
WHERE known_to IS NULL
