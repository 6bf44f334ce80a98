INSERT INTO ops.waiver (source, kind, scope, up_to, author, reason, expires_at)
VALUES (%(source)s, %(kind)s, %(scope)s, %(up_to)s, %(author)s, %(reason)s, %(expires_at)s)
RETURNING waiver_id
