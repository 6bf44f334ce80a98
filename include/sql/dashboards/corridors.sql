-- Persons and money between two countries, side by side, for the year that is chosen; 'latest' is the latest year with a
-- stock of migrants, or, without one, with anything.
WITH shown AS (
    SELECT
        c.year::text AS year_shown,
        c.*
    FROM bi.corridors AS c
    UNION ALL
    SELECT
        'latest' AS year_shown,
        c.*
    FROM bi.corridors AS c
    WHERE c.is_latest
)

SELECT
    c.origin_name AS origin,
    c.destination_name AS destination,
    'in ' || c.destination_name AS living,
    c.origin_name || ' → ' || c.destination_name AS corridor,
    c.year,
    c.year_shown,
    c.stock IS NOT NULL AS has_migrants,
    c.stock AS migrants,
    c.stock_women AS women,
    c.stock_source AS source_of_migrants,
    c.flow_reported_by_destination AS arrivals_reported_by_destination,
    c.flow_reported_by_origin AS departures_reported_by_origin,
    100 * c.mirror_asymmetry AS asymmetry_per_cent,
    c.missing_mirror AS report_is_missing_of,
    c.remittances_modelled AS remittances_back_estimated,
    c.remittance_cost AS cost_per_cent,
    c.asylum_applications,
    c.refugees
FROM shown AS c;
