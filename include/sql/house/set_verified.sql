INSERT INTO ops.verification (sha256, found, verified_at)
VALUES (%(sha256)s, %(found)s, %(at)s)
ON CONFLICT (sha256) DO UPDATE SET found = excluded.found, verified_at = excluded.verified_at
