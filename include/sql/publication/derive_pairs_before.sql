-- Of a growth: a figure, and the last one before it in its cell, of the same source; what is missing is passed over.
INSERT INTO pg_temp.derive_pair (formula, input_row, other_row)
WITH earlier AS (
    SELECT
        cell,
        source,
        counterpart_basis,
        row_id,
        point_in_time,
        lead(point_in_time) OVER (PARTITION BY cell, source, counterpart_basis ORDER BY point_in_time) AS next_point
    FROM pg_temp.derive_input
    WHERE
        role = 'other' AND published_value IS NOT NULL
        AND formula IN (SELECT f.code FROM ref.derived_indicator AS f WHERE f.period = 'previous') -- noqa: LT14
)

SELECT
    i.formula,
    i.row_id AS input_row,
    o.row_id AS other_row
FROM pg_temp.derive_input AS i
INNER JOIN earlier AS o
    ON
        i.cell = o.cell AND i.source = o.source AND i.counterpart_basis = o.counterpart_basis
        AND i.point_in_time > o.point_in_time AND (o.next_point IS NULL OR i.point_in_time <= o.next_point)
WHERE i.role = 'input'
