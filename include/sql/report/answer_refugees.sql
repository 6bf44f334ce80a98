-- Refugees under UNHCR's mandate, the ten largest origins of the latest year
WITH figures AS (
    SELECT
        d.counterpart_name AS origin,
        d.year,
        sum(d.value) AS refugees,
        count(DISTINCT d.ref_area) AS countries_of_asylum
    FROM bi.displacement AS d
    WHERE d.indicator = 'REFUGEES' AND d.counterpart_basis = 'origin' AND d.counterpart_area <> '_T'
    GROUP BY d.counterpart_name, d.year
),

ranked AS (
    SELECT
        origin,
        year,
        refugees,
        countries_of_asylum,
        rank() OVER (ORDER BY year DESC) AS age_of_figure
    FROM figures
    WHERE refugees IS NOT NULL
)

SELECT
    origin,
    year,
    refugees,
    countries_of_asylum
FROM ranked
WHERE age_of_figure = 1
ORDER BY refugees DESC, origin ASC
LIMIT 10;
