-- Approved uploads that readers see by now: of each table the newest is published; it takes the place of the others.
WITH seen AS (
    SELECT
        u.upload_id,
        u.country,
        u.form,
        u.year,
        e.vintage_id,
        row_number() OVER (PARTITION BY u.country, u.form, u.year ORDER BY e.vintage_id DESC, u.at DESC) AS place
    FROM ops.upload_now AS u
    INNER JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND u.number = e.number
    INNER JOIN ops.publication AS p ON p.source = 'upload_' || lower(u.country)
    WHERE u.state = 'approved' AND e.vintage_id <= p.vintage_id
)

SELECT
    upload_id,
    CASE place WHEN 1 THEN 'published' ELSE 'superseded' END AS state,
    vintage_id
FROM seen
UNION ALL
SELECT
    o.upload_id,
    'superseded' AS state,
    s.vintage_id
FROM ops.upload_now AS o
INNER JOIN seen AS s ON o.country = s.country AND o.form = s.form AND o.year = s.year AND s.place = 1
WHERE o.state = 'published'
