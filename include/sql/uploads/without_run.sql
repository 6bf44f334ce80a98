-- Uploads that nobody looked at: what asked Airflow for a run of theirs did not reach it.
SELECT u.upload_id FROM ops.upload_now AS u
WHERE
    u.state = 'received'
    AND NOT EXISTS (
        SELECT 1 FROM ops.attempt AS a
        WHERE a.step = 'land' AND a.slice = u.upload_id
    )
ORDER BY u.received_at
