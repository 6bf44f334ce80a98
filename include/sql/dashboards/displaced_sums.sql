-- Displaced persons by area of asylum, and the world as the sum of its countries: nobody is counted twice.
SELECT
    w.asylum,
    f.indicator,
    i.name_en AS figure_of,
    f.year,
    make_date(f.year, 1, 1) AS year_begins,
    f.value AS figure
FROM bi.annual_sum AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN LATERAL (VALUES (a.name_en), ('World')) AS w (asylum) ON TRUE
WHERE a.is_country AND i.topic = 'displacement';
