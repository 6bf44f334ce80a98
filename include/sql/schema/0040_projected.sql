-- Nobody has counted what is projected: it makes no year the first or the last of a source (docs/bi.md).
UPDATE bi.availability_total AS t
SET
    first_year = n.first_year,
    last_year = n.last_year
FROM (
    SELECT
        source,
        indicator,
        ref_area,
        min(year) FILTER (WHERE figures > 0 AND breakdowns NOT LIKE '%projection%') AS first_year,
        max(year) FILTER (WHERE figures > 0 AND breakdowns NOT LIKE '%projection%') AS last_year
    FROM bi.availability
    GROUP BY source, indicator, ref_area
) AS n
WHERE t.source = n.source AND t.indicator = n.indicator AND t.ref_area = n.ref_area;

COMMENT ON COLUMN bi.availability_total.figures IS 'Cells with a figure, projections among them';
COMMENT ON COLUMN bi.availability_total.first_year IS
'First year with a figure that is no projection; NULL where there is none';
COMMENT ON COLUMN bi.availability_total.last_year IS
'Last year with a figure that is no projection; NULL where there is none';
