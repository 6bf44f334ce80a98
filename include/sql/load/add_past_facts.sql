-- Facts of a release that came late hold until the next one, and no reader ever saw them.
INSERT INTO core.observation (
    source, series_id, time_id, value, obs_status, attribute_id, place_id, place_row, raw, vintage_from, vintage_to,
    end_reason, known_from, known_to
)
SELECT
    %(source)s,
    f.series_id,
    f.time_id,
    f.value,
    f.obs_status,
    f.attribute_id,
    f.place_id,
    f.place_row,
    f.raw,
    %(vintage)s,
    %(vintage)s,
    CASE
        WHEN n.series_id IS NULL THEN 'deleted_at_source'
        WHEN
            n.obs_status = f.obs_status AND n.attribute_id = f.attribute_id
            AND coalesce(n.value = f.value, n.value IS NULL AND f.value IS NULL)
            THEN 'repeated'
        ELSE 'revised'
    END,
    f.known_from,
    f.known_to
FROM stage_facts AS f
LEFT JOIN core.observation AS n
    ON
        f.series_id = n.series_id AND f.time_id = n.time_id AND n.source = %(source)s
        AND f.known_to >= n.known_from AND (n.known_to IS NULL OR f.known_to < n.known_to)
WHERE f.known_to IS NOT NULL
