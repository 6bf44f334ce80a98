UPDATE core.observation AS o
SET vintage_to = %(vintage)s, end_reason = e.reason
FROM stage_ended AS e
WHERE o.source = %(source)s AND o.series_id = e.series_id AND o.time_id = e.time_id AND o.vintage_to IS NULL
