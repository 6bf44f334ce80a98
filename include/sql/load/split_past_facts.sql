-- A release that came late says otherwise for [at, until): of a fact that goes on after `until`, the part before `at`
-- becomes a row of its own, which no reader ever saw as such.
INSERT INTO core.observation (
    source, series_id, time_id, value, obs_status, attribute_id, place_id, place_row, raw, vintage_from, vintage_to,
    end_reason, known_from, known_to, recorded_from
)
SELECT
    o.source,
    o.series_id,
    o.time_id,
    o.value,
    o.obs_status,
    o.attribute_id,
    o.place_id,
    o.place_row,
    o.raw,
    o.vintage_from,
    o.vintage_from AS vintage_to,
    e.reason,
    o.known_from,
    e.at,
    %(vintage)s
FROM core.observation AS o
INNER JOIN stage_ended AS e ON o.series_id = e.series_id AND o.time_id = e.time_id
WHERE
    o.source = %(source)s AND o.known_from < e.at AND (o.known_to IS NULL OR o.known_to > e.until)
    AND e.until IS NOT NULL
