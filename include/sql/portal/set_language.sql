UPDATE ops.portal_session SET language = %(language)s
WHERE token_sha256 = %(token_sha256)s
