-- Refugees under UNHCR's mandate, the ten largest origins of the latest year
WITH figures AS (
    SELECT
        d.counterpart_name AS origin,
        d.year,
        d.published_value AS refugees,
        rank() OVER (ORDER BY d.year DESC) AS age_of_figure
    FROM bi.displacement AS d
    WHERE
        d.indicator = 'REFUGEES' AND d.source = 'unhcr_population'
        AND d.ref_area = '001' AND d.counterpart_area <> '_T' AND d.counterpart_basis = 'origin'
        AND d.published_value IS NOT NULL
)

SELECT
    origin,
    year,
    refugees
FROM figures
WHERE age_of_figure = 1
ORDER BY refugees DESC, origin ASC
LIMIT 10;
