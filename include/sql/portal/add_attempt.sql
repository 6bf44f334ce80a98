INSERT INTO ops.portal_attempt (key_sha256)
VALUES (%(key)s)
