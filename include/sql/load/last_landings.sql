-- The last landing of each slice and release of a source.
SELECT DISTINCT ON (slice, release) landed FROM raw.landing
WHERE source = %(source)s
ORDER BY slice ASC, release ASC, landed_at DESC
