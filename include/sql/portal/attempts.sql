SELECT
    count(*) AS attempts,
    extract(EPOCH FROM clock_timestamp() - max(at))::double precision AS last_before,
    extract(EPOCH FROM clock_timestamp() - min(at))::double precision AS first_before
FROM ops.portal_attempt
WHERE key_sha256 = %(key)s AND at > clock_timestamp() - %(seconds)s * interval '1 second'
