UPDATE ops.portal_session SET ended_at = clock_timestamp()
WHERE token_sha256 = %(token_sha256)s AND ended_at IS null
