-- How many figures there are, and how many are missing, by country, indicator, source and year.
SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    a.name_en AS country,
    i.topic,
    i.name_en AS figure_of,
    f.source,
    f.year,
    count(f.published_value)::integer AS figures,
    (count(*) - count(f.published_value))::integer AS gaps
FROM bi.observation_all AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
WHERE a.is_country
GROUP BY a.is_programme_country, a.name_en, i.topic, i.name_en, f.source, f.year;
