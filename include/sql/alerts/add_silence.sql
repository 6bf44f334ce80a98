INSERT INTO ops.silence (source, kind, author, reason, expires_at)
VALUES (%(source)s, %(kind)s, %(author)s, %(reason)s, %(expires_at)s)
RETURNING silence_id
