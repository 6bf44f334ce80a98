-- Snapshots that were not what their hash says when they were last looked at.
SELECT
    n.source,
    count(DISTINCT v.sha256) AS snapshots,
    min(v.sha256) AS sha256,
    min(v.found) AS found,
    min(n.slice) AS slice
FROM ops.verification AS v
INNER JOIN raw.snapshot AS n ON v.sha256 = n.sha256
WHERE v.found <> 'whole'
GROUP BY n.source
ORDER BY n.source
