INSERT INTO ops.alert_told (alert_id, notifier, told_at)
VALUES (%(alert_id)s, %(notifier)s, %(at)s)
ON CONFLICT (alert_id, notifier) DO NOTHING
