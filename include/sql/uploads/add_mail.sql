INSERT INTO ops.upload_mail (upload_id, number, sent_at)
VALUES (%(upload_id)s, %(number)s, %(sent_at)s)
ON CONFLICT (upload_id, number) DO NOTHING
