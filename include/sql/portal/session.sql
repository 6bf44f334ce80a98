-- Whom a session serves, while it lasts; `touch`: the official did something, so that the half hour begins anew.
UPDATE ops.portal_session AS s
SET seen_at = CASE WHEN %(touch)s THEN clock_timestamp() ELSE s.seen_at END
FROM ops.official AS o
WHERE
    s.token_sha256 = %(token_sha256)s
    AND s.official = o.name
    AND o.active
    AND s.ended_at IS null
    AND s.seen_at > clock_timestamp() - interval '30 minutes'
    AND s.started_at > clock_timestamp() - interval '8 hours'
RETURNING o.name, o.country, s.language
