-- Whether another submission of the same table was confirmed after this one.
SELECT count(*) > 0 AS newer
FROM ops.upload AS u
INNER JOIN ops.upload AS o ON u.country = o.country AND u.form = o.form AND u.year = o.year
INNER JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND e.state = 'submitted'
INNER JOIN ops.upload_event AS f ON o.upload_id = f.upload_id AND f.state = 'submitted'
WHERE u.upload_id = %(upload_id)s AND o.upload_id <> u.upload_id AND f.at > e.at
