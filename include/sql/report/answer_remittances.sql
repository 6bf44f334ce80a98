-- Net migration and remittances of the programme countries, latest year in which each is published
WITH figures AS (
    SELECT
        ref_area,
        ref_area_name,
        indicator,
        year,
        published_value
    FROM bi.migration_flows
    WHERE indicator = 'NET_MIG' AND sex = '_T' AND age = '_T' AND published_value IS NOT NULL
    UNION ALL
    SELECT
        ref_area,
        ref_area_name,
        indicator,
        year,
        published_value
    FROM bi.remittances
    WHERE indicator IN ('REMIT_IN', 'REMIT_OUT', 'REMIT_IN_GDP') AND published_value IS NOT NULL
),

latest AS (
    SELECT DISTINCT ON (f.ref_area, f.indicator)
        f.ref_area_name,
        f.indicator,
        f.year,
        f.published_value
    FROM figures AS f
    INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
    WHERE a.is_programme_country
    ORDER BY f.ref_area ASC, f.indicator ASC, f.year DESC
)

SELECT
    ref_area_name AS country,
    max(year) FILTER (WHERE indicator = 'NET_MIG') AS year,
    max(published_value) FILTER (WHERE indicator = 'NET_MIG') AS net_migration,
    max(year) FILTER (WHERE indicator = 'REMIT_IN') AS remittances_year,
    max(published_value) FILTER (WHERE indicator = 'REMIT_IN') / 1e6 AS received_million_usd,
    max(published_value) FILTER (WHERE indicator = 'REMIT_OUT') / 1e6 AS paid_million_usd,
    max(published_value) FILTER (WHERE indicator = 'REMIT_IN_GDP') AS received_percent_of_gdp
FROM latest
GROUP BY ref_area_name
ORDER BY country;
