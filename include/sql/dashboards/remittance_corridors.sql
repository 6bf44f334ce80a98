-- Remittances between two countries, estimated: from where the money is sent to where it is received. A picture of flows
-- has no circles, so that a country that sends and receives has two names (`arrives`).
WITH there AS (
    SELECT DISTINCT v.year
    FROM bi.availability AS v
    WHERE v.indicator = 'REMIT_BILATERAL' AND v.breakdowns <> 'none' AND v.preferred > 0
),

years AS (
    SELECT
        t.year,
        t.year::text AS year_shown
    FROM there AS t
    UNION ALL
    SELECT
        max(t.year) AS year,
        'latest' AS year_shown
    FROM there AS t
)

SELECT
    f.counterpart_name AS sent_from,
    f.ref_area_name AS received_in,
    'to ' || f.ref_area_name AS arrives,
    f.year,
    y.year_shown,
    f.published_value AS figure,
    f.unit,
    s.publisher,
    f.note
FROM years AS y
INNER JOIN bi.remittances AS f ON y.year = f.year
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_area AS o ON f.counterpart_area = o.area
WHERE
    f.indicator = 'REMIT_BILATERAL'
    AND f.counterpart_area <> '_T'
    AND f.sex = '_T'
    AND f.age = '_T'
    AND a.is_country
    AND o.is_country;
