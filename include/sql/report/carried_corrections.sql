-- Records of corrections.csv that a figure of a source carries, in what was accepted last of its slice and release. What
-- only an earlier state carried is not among them: the publisher mended or withdrew it, or the record is another one now.
WITH last_states AS (
    SELECT DISTINCT ON (slice, release)
        slice,
        released_at
    FROM ops.slice_state
    WHERE source = %(source)s
    ORDER BY slice ASC, release ASC, released_at DESC
)

SELECT DISTINCT v.override_id
FROM core.override AS v
INNER JOIN core.observation AS o
    ON
        v.source = o.source AND v.series_id = o.series_id AND v.time_id = o.time_id
        AND v.vintage_from = o.vintage_from
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
INNER JOIN last_states AS s
    ON n.slice = s.slice AND o.known_from <= s.released_at AND (o.known_to IS NULL OR o.known_to > s.released_at)
WHERE v.source = %(source)s
