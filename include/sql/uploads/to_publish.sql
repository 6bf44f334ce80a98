-- Approved uploads that readers see by now, and the published ones of the same table whose place they take.
WITH seen AS (
    SELECT
        u.upload_id,
        u.country,
        u.form,
        u.year,
        e.vintage_id
    FROM ops.upload_now AS u
    INNER JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND u.number = e.number
    INNER JOIN ops.publication AS p ON p.source = 'upload_' || lower(u.country)
    WHERE u.state = 'approved' AND e.vintage_id <= p.vintage_id
)

SELECT
    upload_id,
    'published' AS state,
    vintage_id
FROM seen
UNION ALL
SELECT
    o.upload_id,
    'superseded' AS state,
    max(s.vintage_id) AS vintage_id
FROM ops.upload_now AS o
INNER JOIN seen AS s ON o.country = s.country AND o.form = s.form AND o.year = s.year AND o.upload_id <> s.upload_id
WHERE o.state = 'published'
GROUP BY o.upload_id
