-- Migrants of each country by age and sex for the year that is chosen; 'latest' is the latest year with ages. As published: the
-- standard bands that we add up would stand beside their parts, and show everybody once more.
WITH figures AS (
    SELECT
        f.ref_area,
        f.ref_area_name,
        f.sex,
        f.age,
        f.year,
        f.published_value,
        f.source,
        max(f.year) FILTER (WHERE f.published_value IS NOT NULL) OVER (PARTITION BY f.ref_area_name) AS latest_year
    FROM bi.migrant_stock AS f
    WHERE
        f.indicator = 'MIG_STOCK'
        AND f.counterpart_basis = 'origin'
        AND f.subdivision = '_T'
        AND f.counterpart_area = '_T'
        AND f.age NOT IN ('_T', '_U')
        AND f.source <> 'migstats'
        AND f.sex IN ('F', 'M')
)

SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    f.ref_area_name AS country,
    x.name_en AS persons,
    g.min_age AS age_from,
    lpad(g.min_age::text, greatest(2, length(g.min_age::text)), '0')
    || coalesce('–' || lpad(g.max_age::text, greatest(2, length(g.max_age::text)), '0'), '+') AS age,
    f.year,
    y.year_shown,
    f.published_value AS figure,
    f.source
FROM figures AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_sex AS x ON f.sex = x.sex
INNER JOIN bi.dim_age AS g ON f.age = g.age
INNER JOIN LATERAL (
    VALUES (f.year::text), (CASE WHEN f.year = f.latest_year THEN 'latest' END)
) AS y (year_shown) ON y.year_shown IS NOT NULL
WHERE a.is_country;
