-- International migrants in the programme countries, by sex, latest year
WITH figures AS (
    SELECT
        m.ref_area,
        m.ref_area_name,
        m.year,
        m.sex,
        m.published_value,
        rank() OVER (PARTITION BY m.ref_area ORDER BY m.year DESC) AS age_of_figure
    FROM bi.migrant_stock AS m
    INNER JOIN bi.dim_area AS a ON m.ref_area = a.area
    WHERE
        a.is_programme_country
        AND m.source = 'undesa_stock'
        AND m.indicator = 'MIG_STOCK'
        AND m.counterpart_area = '_T'
        AND m.age = '_T'
)

SELECT
    ref_area_name AS country,
    year,
    max(published_value) FILTER (WHERE sex = 'M') AS men,
    max(published_value) FILTER (WHERE sex = 'F') AS women,
    max(published_value) FILTER (WHERE sex = '_T') AS both_sexes
FROM figures
WHERE age_of_figure = 1
GROUP BY ref_area_name, year
ORDER BY both_sexes DESC NULLS LAST, country ASC;
