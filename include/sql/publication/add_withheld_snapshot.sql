-- Every file of a slice in which a figure is hidden: one that came later holds the same figure, and its hash would be tried.
INSERT INTO core.withheld_snapshot (snapshot_id)
SELECT DISTINCT other.snapshot_id
FROM pg_temp.disclosed AS d
INNER JOIN core.observation AS o
    ON
        d.source = o.source AND d.vintage = o.vintage_from AND o.vintage_to IS NULL
        AND ('x' || left(right(d.observation_id, -length(d.source) - 1), 16))::bit(64)::bigint = o.series_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id AND right(d.observation_id, -length(d.source) - 18) = t.time_period
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
INNER JOIN raw.snapshot AS other ON n.source = other.source AND n.slice = other.slice
ON CONFLICT (snapshot_id) DO NOTHING
