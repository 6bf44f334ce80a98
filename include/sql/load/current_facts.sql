-- What was accepted of a slice and held at a moment of the release clock.
SELECT
    o.series_id,
    o.time_id,
    o.value,
    o.obs_status,
    o.attribute_id
FROM core.observation AS o
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS s ON p.snapshot_id = s.snapshot_id
WHERE
    o.source = %(source)s AND s.slice = %(slice)s
    AND o.known_from <= %(at)s AND (o.known_to IS NULL OR o.known_to > %(at)s)
ORDER BY o.series_id, o.time_id
