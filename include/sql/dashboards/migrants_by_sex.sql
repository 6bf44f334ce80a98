-- Migrants of each country by sex, all origins and ages.
SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    f.ref_area_name AS country,
    x.name_en AS persons,
    f.year,
    f.published_value AS figure,
    f.source
FROM bi.migrant_stock AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_sex AS x ON f.sex = x.sex
WHERE
    a.is_country
    AND f.indicator = 'MIG_STOCK'
    AND f.counterpart_basis = 'origin'
    AND f.subdivision = '_T'
    AND f.counterpart_area = '_T'
    AND f.age = '_T'
    AND f.sex IN ('F', 'M');
