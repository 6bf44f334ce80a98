INSERT INTO ops.disclosure (
    disclosure_id, source, vintage_id, run_id, cells, primary_cells, secondary_cells, rounded_cells, exposed_cells
)
SELECT
    d.disclosure_id,
    d.source,
    (
        SELECT max(v.vintage_id) FROM ops.vintage AS v
        WHERE v.source = d.source
    ),
    %(run_id)s,
    coalesce((%(cells)s::jsonb ->> d.source)::integer, 0),
    count(c.kind) FILTER (WHERE c.kind = 'C'),
    count(c.kind) FILTER (WHERE c.kind = 'D'),
    count(c.kind) FILTER (WHERE c.kind = 'R'),
    coalesce(
        (%(exposed)s::jsonb ->> d.source)::integer,
        -- nothing changed since the last run
        (
            SELECT o.exposed_cells FROM ops.disclosure AS o
            WHERE o.source = d.source AND %(cells)s::jsonb ->> d.source IS NOT NULL
            ORDER BY o.disclosure_id DESC LIMIT 1
        ),
        0
    )
FROM pg_temp.disclosure AS d
LEFT JOIN pg_temp.disclosed AS c ON d.source = c.source
GROUP BY d.disclosure_id, d.source
ORDER BY d.disclosure_id
