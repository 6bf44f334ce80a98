-- Submissions that were taken back after they had been published, and whose figures still stand. While a newer one of the
-- same table waits for a statistician, nobody is asked: what is approved takes the place of those figures anyway.
SELECT u.upload_id FROM ops.upload_now AS u
INNER JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND e.state = 'published'
INNER JOIN LATERAL (
    SELECT s.snapshots FROM ops.slice_state AS s
    WHERE s.source = 'upload_' || lower(u.country) AND s.slice = u.form || '/year=' || u.year
    ORDER BY s.released_at DESC
    LIMIT 1
) AS s ON u.snapshot = any(s.snapshots)
WHERE
    u.state = 'withdrawn'
    AND NOT EXISTS (
        SELECT 1 FROM ops.upload_now AS n
        WHERE (n.country, n.form, n.year) = (u.country, u.form, u.year) AND n.state = 'submitted'
    )
ORDER BY u.upload_id
