-- Loads in the order in which they were made, each with its landings, the facts that they were read with, and what they
-- said. A load without landings (landed is NULL) cannot be made again.
SELECT
    l.load_id,
    l.source,
    l.vintage_id,
    l.outcome,
    l.code_version,
    v.added,
    v.changed,
    v.closed,
    jsonb_agg(jsonb_build_array(m.made_with, g.landed, m.content_sha256) ORDER BY g.slice, g.release)
    FILTER (WHERE g.landing_id IS NOT NULL) AS landed
FROM ops.load AS l
LEFT JOIN ops.vintage AS v ON l.load_id = v.load_id AND l.source = v.source
LEFT JOIN ops.load_landing AS m ON l.load_id = m.load_id
LEFT JOIN raw.landing AS g ON m.landing_id = g.landing_id
GROUP BY l.load_id, l.source, l.vintage_id, l.outcome, l.code_version, v.added, v.changed, v.closed, l.finished_at
ORDER BY l.finished_at
