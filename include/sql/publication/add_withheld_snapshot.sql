INSERT INTO core.withheld_snapshot (snapshot_id)
SELECT DISTINCT p.snapshot_id
FROM pg_temp.disclosed AS d
INNER JOIN core.observation AS o
    ON
        d.source = o.source AND d.vintage = o.vintage_from AND o.vintage_to IS NULL
        AND ('x' || left(right(d.observation_id, -length(d.source) - 1), 16))::bit(64)::bigint = o.series_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id AND right(d.observation_id, -length(d.source) - 18) = t.time_period
INNER JOIN core.place AS p ON o.place_id = p.place_id
ON CONFLICT (snapshot_id) DO NOTHING
