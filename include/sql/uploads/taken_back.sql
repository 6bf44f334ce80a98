-- Since when it is asked that nothing of a submission stands: since the official took it back, or since the last newer one of
-- the same table, which held that up, was not loaded; and how often that was so.
SELECT
    greatest(w.at, max(r.at)) AS at,
    count(r.at)::integer AS held_up
FROM ops.upload AS u
INNER JOIN ops.upload_event AS w ON u.upload_id = w.upload_id AND w.state = 'withdrawn'
LEFT JOIN ops.upload AS o
    ON (u.country, u.form, u.year) = (o.country, o.form, o.year) AND u.upload_id <> o.upload_id
LEFT JOIN ops.upload_event AS c ON o.upload_id = c.upload_id AND c.state = 'submitted'
LEFT JOIN ops.upload_event AS r
    ON c.upload_id = r.upload_id AND r.state IN ('rejected', 'withdrawn') AND r.at > greatest(w.at, c.at)
WHERE u.upload_id = %(upload_id)s
GROUP BY w.at
