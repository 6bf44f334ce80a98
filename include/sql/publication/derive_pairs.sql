-- Which two figures go together: of the same cell, and of the dates that the formula says. Of several totals under other
-- bases (by birth, by citizenship) the one of the preferred source is the second. Two figures of one basis are of one
-- source: men of one survey over women of another are no ratio.
CREATE TEMPORARY TABLE derive_pair ON COMMIT DROP AS
SELECT DISTINCT ON (f.code, i.observation_id)
    f.code AS formula,
    i.row_id AS input_row,
    o.row_id AS other_row
FROM ref.derived_indicator AS f
INNER JOIN pg_temp.derive_input AS i ON f.code = i.formula AND i.role = 'input'
INNER JOIN pg_temp.derive_input AS o ON i.cell = o.cell AND i.time_period = o.time_period AND o.role = 'other'
WHERE
    (f.basis = 'input' OR (i.counterpart_basis = o.counterpart_basis AND i.source = o.source))
    AND CASE f.period
        WHEN 'same_period' THEN TRUE
        WHEN 'same_day' THEN i.point_in_time = o.point_in_time
        WHEN 'mid_year' THEN o.point_in_time = make_date(i.year, 7, 1)
        ELSE FALSE
    END
ORDER BY f.code ASC, i.observation_id ASC, o.preference ASC, o.source ASC, o.counterpart_basis ASC, o.observation_id ASC
