SELECT
    o.series_id,
    o.time_id,
    o.value,
    o.obs_status,
    o.attribute_id
FROM core.observation AS o
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS s ON p.snapshot_id = s.snapshot_id
WHERE o.source = %(source)s AND o.vintage_to IS NULL AND s.slice = %(slice)s
ORDER BY o.series_id, o.time_id
