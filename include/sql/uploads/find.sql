SELECT * FROM ops.upload_now
WHERE upload_id = %(upload_id)s
