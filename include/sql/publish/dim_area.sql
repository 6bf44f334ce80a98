CREATE OR REPLACE VIEW bi.dim_area AS
SELECT
    code AS area,
    kind,
    kind IN ('country', 'territory') AS is_country,
    coalesce(programme, '') = 'yes' AS is_programme_country,
    iso2,
    iso3,
    m49,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru,
    valid_from,
    valid_to
FROM ref.area;

COMMENT ON VIEW bi.dim_area IS 'Countries, territories, former states, groups of countries and residual categories';
COMMENT ON COLUMN bi.dim_area.area IS 'ISO 3166-1 alpha-3 of a country, M49 or own code of a group, _T total, _X_... residual';
COMMENT ON COLUMN bi.dim_area.kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.dim_area.is_country IS 'True for countries and territories';
COMMENT ON COLUMN bi.dim_area.is_programme_country IS 'True for the countries of the IOM-UNDP Global Programme';
COMMENT ON COLUMN bi.dim_area.iso2 IS 'ISO 3166-1 alpha-2';
COMMENT ON COLUMN bi.dim_area.iso3 IS 'ISO 3166-1 alpha-3';
COMMENT ON COLUMN bi.dim_area.m49 IS 'UN M49, three digits';
COMMENT ON COLUMN bi.dim_area.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_area.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_area.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_area.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_area.name_ru IS 'Name in Russian';
COMMENT ON COLUMN bi.dim_area.valid_from IS 'First day of the area, where it began after 1950';
COMMENT ON COLUMN bi.dim_area.valid_to IS 'Last day of the area, where it ended';
