DELETE FROM ops.portal_attempt
WHERE key_sha256 = %(key)s
