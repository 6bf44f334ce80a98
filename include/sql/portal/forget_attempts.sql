DELETE FROM ops.portal_attempt
WHERE at < clock_timestamp() - interval '1 day'
