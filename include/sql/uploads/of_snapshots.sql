SELECT upload_id FROM ops.upload_now
WHERE snapshot = any(%(snapshots)s) AND state = 'submitted'
