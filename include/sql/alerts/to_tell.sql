-- The last change of each alert, where this notifier has not told it and no silence holds it back. That something is
-- well again is told only where it was told before that it was not.
WITH last_change AS (
    SELECT DISTINCT ON (source, kind) *
    FROM ops.alert
    ORDER BY source ASC, kind ASC, alert_id DESC
),

last_silence AS (
    SELECT DISTINCT ON (source, kind) *
    FROM ops.silence
    ORDER BY source ASC, kind ASC, silence_id DESC
),

told AS (
    SELECT alert_id FROM ops.alert_told
    WHERE notifier = %(notifier)s
)

SELECT
    c.alert_id,
    c.source,
    c.kind,
    c.change,
    c.message,
    c.at
FROM last_change AS c
LEFT JOIN LATERAL (
    SELECT r.alert_id FROM ops.alert AS r
    WHERE r.source = c.source AND r.kind = c.kind AND r.change = 'raised' AND r.alert_id < c.alert_id
    ORDER BY r.alert_id DESC
    LIMIT 1
) AS before ON c.change = 'cleared'
WHERE
    c.alert_id NOT IN (SELECT t.alert_id FROM told AS t)
    AND (c.change = 'raised' OR before.alert_id IN (SELECT t.alert_id FROM told AS t))
    AND NOT EXISTS (
        SELECT 1 FROM last_silence AS s
        WHERE s.source = c.source AND s.kind IN (c.kind, '*') AND s.expires_at > %(at)s
    )
ORDER BY c.alert_id
