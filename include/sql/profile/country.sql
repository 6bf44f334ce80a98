SELECT
    area,
    iso2,
    m49,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru,
    is_programme_country
FROM bi.dim_area
WHERE area = %(area)s AND is_country
