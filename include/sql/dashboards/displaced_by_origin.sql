-- Displaced persons and asylum by area of asylum and origin, for the year that is chosen.
WITH figures AS (
    SELECT
        f.ref_area_name,
        f.counterpart_area,
        f.counterpart_name,
        f.indicator,
        f.indicator_name,
        f.counterpart_basis,
        f.breakdown_name,
        f.year,
        f.published_value,
        f.source,
        f.obs_status,
        f.note,
        max(f.year) FILTER (WHERE f.published_value IS NOT NULL) OVER (
            PARTITION BY f.ref_area_name, f.indicator, f.counterpart_basis
        ) AS latest_year
    FROM bi.displacement AS f
    INNER JOIN bi.dim_time AS t ON f.time_period = t.time_period
    WHERE
        t.freq = 'A'
        AND f.subdivision = '_T'
        AND f.counterpart_area <> '_T'
        AND f.sex = '_T'
        AND f.age = '_T'
)

SELECT
    f.ref_area_name AS asylum,
    f.counterpart_name AS origin,
    a.is_country AS origin_is_country,
    f.indicator,
    f.indicator_name || CASE f.counterpart_basis WHEN 'citizenship' THEN ', by citizenship' ELSE '' END AS figure_of,
    f.breakdown_name AS procedure,
    f.year,
    y.year_shown,
    f.published_value AS figure,
    f.source
FROM figures AS f
INNER JOIN bi.dim_area AS a ON f.counterpart_area = a.area
INNER JOIN LATERAL (
    VALUES (f.year::text), (CASE WHEN f.year = f.latest_year THEN 'latest' END)
) AS y (year_shown) ON y.year_shown IS NOT NULL;
