SELECT
    l.vintage_id,
    count(*) AS snapshots,
    coalesce(sum(b.landed), 0)::bigint AS landed,
    coalesce(sum(b.loaded + b.unchanged), 0)::bigint AS unchanged,
    coalesce(sum(b.quarantined), 0)::bigint AS quarantined,
    coalesce(sum(b.explained), 0)::bigint AS explained
FROM ops.load AS l
INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
WHERE l.load_id = %(load_id)s
GROUP BY l.vintage_id
