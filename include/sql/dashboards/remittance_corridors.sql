-- Remittances between two countries, estimated: from where the money is sent to where it is received. A picture of flows
-- has no circles, so that a country that sends and receives has two names (`arrives`).
WITH figures AS (
    SELECT
        f.ref_area,
        f.ref_area_name,
        f.counterpart_area,
        f.counterpart_name,
        f.year,
        f.published_value,
        f.unit,
        f.source,
        f.note,
        max(f.year) FILTER (WHERE f.published_value IS NOT NULL) OVER () AS latest_year
    FROM bi.remittances AS f
    WHERE f.indicator = 'REMIT_BILATERAL'
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
FROM figures AS f
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_area AS o ON f.counterpart_area = o.area
INNER JOIN LATERAL (
    VALUES (f.year::text), (CASE WHEN f.year = f.latest_year THEN 'latest' END)
) AS y (year_shown) ON y.year_shown IS NOT NULL
WHERE a.is_country AND o.is_country;
