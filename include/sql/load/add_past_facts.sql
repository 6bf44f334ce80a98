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
        WHEN
            EXISTS (
                SELECT 1 FROM core.observation AS n
                WHERE
                    n.source = %(source)s AND n.series_id = f.series_id AND n.time_id = f.time_id
                    AND n.known_from <= f.known_to AND (n.known_to IS NULL OR n.known_to > f.known_to)
            )
            THEN 'revised'
        ELSE 'deleted_at_source'
    END,
    f.known_from,
    f.known_to
FROM stage_facts AS f
WHERE f.known_to IS NOT NULL
