-- How many figures there are, how many are missing, and the latest year with one, by country, indicator and source.
SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    a.name_en AS country,
    i.topic,
    i.name_en AS figure_of,
    f.source,
    f.last_year AS year,
    f.figures,
    f.missing + f.suppressed AS gaps
FROM bi.availability_total AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
WHERE a.is_country;
