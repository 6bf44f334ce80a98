INSERT INTO ops.waiver (source, kind, scope, author, reason, expires_at)
VALUES (%(source)s, %(kind)s, %(scope)s, %(author)s, %(reason)s, %(expires_at)s)
RETURNING waiver_id
