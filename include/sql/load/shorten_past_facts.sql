UPDATE core.observation AS o
SET
    known_from = CASE WHEN o.known_to = e.until THEN o.known_from ELSE e.until END,
    known_to = CASE WHEN o.known_to = e.until THEN e.at ELSE o.known_to END,
    end_reason = CASE WHEN o.known_to = e.until THEN e.reason ELSE o.end_reason END,
    recorded_from = %(vintage)s
FROM stage_ended AS e
WHERE
    o.source = %(source)s AND o.series_id = e.series_id AND o.time_id = e.time_id AND e.until IS NOT NULL
    AND o.known_from <= e.at AND (o.known_to IS NULL OR o.known_to >= e.until)
