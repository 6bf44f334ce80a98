DELETE FROM ops.portal_session
WHERE started_at < clock_timestamp() - interval '1 day'
