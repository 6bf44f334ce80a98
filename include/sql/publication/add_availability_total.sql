-- What is projected is counted, and makes no year the first or the last: nobody has counted it.
INSERT INTO bi.availability_total (
    source, indicator, ref_area, figures, missing, suppressed, preferred, first_year, last_year
)
SELECT
    v.source,
    v.indicator,
    v.ref_area,
    sum(v.figures),
    sum(v.missing),
    sum(v.suppressed),
    sum(v.preferred),
    min(v.year) FILTER (WHERE v.figures > 0 AND v.breakdowns NOT LIKE '%projection%'),
    max(v.year) FILTER (WHERE v.figures > 0 AND v.breakdowns NOT LIKE '%projection%')
FROM bi.availability AS v
INNER JOIN pg_temp.touched AS t ON v.indicator = t.indicator
GROUP BY v.source, v.indicator, v.ref_area
