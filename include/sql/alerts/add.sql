INSERT INTO ops.alert (source, kind, change, message, at)
VALUES (%(source)s, %(kind)s, %(change)s, %(message)s, %(at)s)
