-- Steps that officials are told of by mail and were not: to those with an account, in their language.
SELECT
    e.upload_id,
    e.number,
    e.state,
    e.at,
    e.reason,
    u.country,
    u.form,
    u.year,
    o.name,
    o.email,
    o.language
FROM ops.upload_event AS e
INNER JOIN ops.upload AS u ON e.upload_id = u.upload_id
INNER JOIN ops.official AS o ON u.sent_by = o.name AND o.active
LEFT JOIN ops.upload_mail AS m ON e.upload_id = m.upload_id AND e.number = m.number
WHERE m.upload_id IS NULL AND e.state IN ('received', 'rejected', 'checked', 'ready', 'published', 'superseded')
ORDER BY e.at, e.upload_id, e.number
