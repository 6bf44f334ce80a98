-- Confirmed submissions that nothing looked at since: the run that waited for the official may have ended before.
SELECT u.upload_id FROM ops.upload_now AS u
WHERE
    u.state = 'submitted'
    AND NOT EXISTS (
        SELECT 1 FROM ops.attempt AS a
        WHERE a.step = 'land' AND a.slice = u.upload_id AND a.began_at > u.at
    )
ORDER BY u.at
