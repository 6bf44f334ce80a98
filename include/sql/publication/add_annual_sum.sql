INSERT INTO bi.annual_sum (indicator, source, ref_area, unit, year, value, figures)
SELECT
    f.indicator,
    f.source,
    f.ref_area,
    f.unit,
    f.year,
    sum(f.value),
    count(*)
FROM bi.observation_all AS f
INNER JOIN pg_temp.touched AS t ON f.indicator = t.indicator
WHERE f.preferred AND f.value IS NOT NULL
GROUP BY f.indicator, f.source, f.ref_area, f.unit, f.year
