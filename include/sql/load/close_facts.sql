UPDATE core.observation AS o
SET known_to = e.at, vintage_to = %(vintage)s, end_reason = e.reason
FROM stage_ended AS e
WHERE
    o.source = %(source)s AND o.series_id = e.series_id AND o.time_id = e.time_id AND o.known_to IS NULL
    AND e.until IS NULL
