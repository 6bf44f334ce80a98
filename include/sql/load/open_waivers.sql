-- Waivers of a source that have neither expired nor been used, in the order in which they were given.
SELECT
    w.waiver_id,
    w.kind,
    w.scope,
    w.up_to
FROM ops.waiver AS w
LEFT JOIN ops.waiver_use AS u ON w.waiver_id = u.waiver_id
WHERE w.source = %(source)s AND w.expires_at > clock_timestamp() AND u.waiver_id IS NULL
ORDER BY w.waiver_id
