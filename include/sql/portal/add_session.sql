INSERT INTO ops.portal_session (token_sha256, official, language)
VALUES (%(token_sha256)s, %(name)s, %(language)s)
