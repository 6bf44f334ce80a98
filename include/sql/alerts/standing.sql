SELECT
    alert_id,
    source,
    kind,
    message,
    since,
    silent_until
FROM ops.standing_alert
ORDER BY since, source, kind
