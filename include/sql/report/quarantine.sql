-- Rows that could not become observations in the last load of each slice, by source, reason and column.
WITH loads AS (
    SELECT
        load_id,
        max(outcome_id) AS outcome_id
    FROM ops.outcome
    WHERE step = 'load' AND status <> 'failed' AND load_id IS NOT NULL
    GROUP BY load_id
),

last_loads AS (
    SELECT DISTINCT ON (n.source, n.slice, n.release)
        n.source,
        n.slice,
        n.release,
        l.load_id
    FROM loads AS l
    INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
    INNER JOIN raw.snapshot AS n ON b.snapshot_id = n.snapshot_id
    ORDER BY n.source ASC, n.slice ASC, n.release ASC, l.outcome_id DESC
)

SELECT
    l.source,
    q.reason,
    q.column_name,
    count(*) AS rows,
    count(DISTINCT q.code) AS codes,
    min(q.code) AS code,
    (array_agg(n.slice || ' ' || q.place ORDER BY n.slice, q.place))[1] AS place,
    max(q.suggestion) AS suggestion
FROM last_loads AS l
INNER JOIN ops.quarantine AS q ON l.load_id = q.load_id
INNER JOIN raw.snapshot AS n
    ON q.snapshot_id = n.snapshot_id AND l.source = n.source AND l.slice = n.slice AND l.release = n.release
GROUP BY l.source, q.reason, q.column_name
ORDER BY count(*) DESC, l.source ASC, q.reason ASC, q.column_name ASC
