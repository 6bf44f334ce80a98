-- Submissions that were taken back after they had been published, and whose figures still stand: nothing landed since.
SELECT u.upload_id FROM ops.upload_now AS u
INNER JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND e.state = 'published'
INNER JOIN LATERAL (
    SELECT l.landed FROM raw.landing AS l
    WHERE l.source = 'upload_' || lower(u.country) AND l.slice = u.form || '/year=' || u.year
    ORDER BY l.landed_at DESC
    LIMIT 1
) AS l ON l.landed #>> '{pages, 0, sha256}' = u.snapshot
WHERE u.state = 'withdrawn'
ORDER BY u.upload_id
