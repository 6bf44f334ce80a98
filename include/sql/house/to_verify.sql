-- Snapshots to hold against their hashes: those that were not whole before, then those that nobody looked at for longest.
SELECT
    n.sha256,
    max(n.bytes) AS bytes,
    min(n.source) AS source,
    min(n.slice) AS slice,
    v.found
FROM raw.snapshot AS n
LEFT JOIN ops.verification AS v ON n.sha256 = v.sha256
GROUP BY n.sha256, v.found, v.verified_at
ORDER BY coalesce(v.found, 'whole') = 'whole' ASC, v.verified_at ASC NULLS FIRST, n.sha256 ASC
LIMIT %(limit)s
