-- Loads in the order in which they were made, each with its landings: of a slice that was served again with the same
-- bytes the first one.
SELECT
    l.load_id,
    l.source,
    l.vintage_id,
    l.outcome,
    v.added,
    v.changed,
    v.closed,
    jsonb_agg(g.landed ORDER BY g.slice) AS landed,
    min(v.made_with) AS made_with
FROM ops.load AS l
LEFT JOIN ops.vintage AS v ON l.load_id = v.load_id AND l.source = v.source
INNER JOIN LATERAL (
    SELECT DISTINCT ON (n.slice, n.release)
        n.slice,
        n.landed
    FROM ops.settled AS s
    INNER JOIN raw.landing AS n ON s.landing_id = n.landing_id
    WHERE s.load_id = l.load_id AND s.reason = 'loaded'
    ORDER BY n.slice, n.release, n.landed_at
) AS g ON TRUE
GROUP BY l.load_id, l.source, l.vintage_id, l.outcome, v.added, v.changed, v.closed, l.finished_at
ORDER BY l.finished_at
