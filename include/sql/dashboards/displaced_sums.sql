-- Displaced persons by area of asylum, and the world as the sum of its countries: `value` counts nobody twice.
SELECT
    w.asylum,
    f.indicator,
    f.indicator_name AS figure_of,
    f.year,
    make_date(f.year, 1, 1) AS year_begins,
    f.value AS figure
FROM bi.displacement AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN LATERAL (VALUES (f.ref_area_name), ('World')) AS w (asylum) ON TRUE
WHERE a.is_country;
