-- Asylum procedures and solutions by country of asylum, all origins, for the year that is chosen.
WITH figures AS (
    SELECT
        f.ref_area,
        f.ref_area_name,
        f.indicator,
        f.indicator_name,
        f.counterpart_basis,
        f.breakdown_name,
        f.year,
        f.published_value,
        f.source,
        max(f.year) FILTER (WHERE f.published_value IS NOT NULL) OVER (
            PARTITION BY f.ref_area_name, f.indicator, f.counterpart_basis
        ) AS latest_year
    FROM bi.displacement AS f
    INNER JOIN bi.dim_time AS t ON f.time_period = t.time_period
    WHERE
        t.freq = 'A'
        AND f.subdivision = '_T'
        AND f.counterpart_area = '_T'
        AND f.sex = '_T'
        AND f.age = '_T'
        AND f.reason = '_T'
)

SELECT
    f.ref_area_name AS country_of_asylum,
    f.indicator,
    f.indicator_name || CASE f.counterpart_basis WHEN 'citizenship' THEN ', by citizenship' ELSE '' END AS figure_of,
    f.breakdown_name AS procedure,
    f.year,
    y.year_shown,
    f.published_value AS figure,
    s.publisher
FROM figures AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN LATERAL (
    VALUES (f.year::text), (CASE WHEN f.year = f.latest_year THEN 'latest' END)
) AS y (year_shown) ON y.year_shown IS NOT NULL
WHERE a.is_country;
