-- Totals of each country for the year that is chosen; under 'latest' the latest year with a figure, country by country.
WITH figures AS (
    SELECT
        f.ref_area,
        f.indicator,
        f.counterpart_basis,
        f.reason,
        f.year,
        f.published_value,
        f.unit,
        f.source,
        max(f.year) FILTER (WHERE f.published_value IS NOT NULL) OVER (
            PARTITION BY f.ref_area, f.indicator, f.counterpart_basis, f.reason
        ) AS latest_year
    FROM bi.fact_observation AS f
    WHERE
        f.freq = 'A'
        AND f.subdivision = '_T'
        AND f.counterpart_area = '_T'
        AND f.sex = '_T'
        AND f.age = '_T'
        AND f.migration_status = '_T'
        AND f.education = '_T'
        AND f.labour_status = '_T'
        AND f.occupation = '_T'
        AND f.activity = '_T'
        AND f.urbanisation = '_T'
        AND f.disability = '_T'
        AND f.breakdown = '_T'
)

SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    a.name_en AS country,
    a.name_en || ', ' || f.year::text AS country_and_year,
    a.iso3,
    f.indicator,
    i.name_en || CASE f.counterpart_basis
        WHEN 'citizenship' THEN ', by citizenship'
        WHEN 'birth' THEN ', by birth'
        ELSE ''
    END AS figure_of,
    f.reason,
    f.year,
    y.year_shown,
    f.published_value AS figure,
    f.unit,
    s.publisher
FROM figures AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN LATERAL (
    VALUES (f.year::text), (CASE WHEN f.year = f.latest_year THEN 'latest' END)
) AS y (year_shown) ON y.year_shown IS NOT NULL
WHERE a.is_country;
