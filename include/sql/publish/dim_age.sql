CREATE OR REPLACE VIEW bi.dim_age AS
SELECT
    code AS age,
    min_age,
    max_age,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.age;

COMMENT ON VIEW bi.dim_age IS 'Age bands';
COMMENT ON COLUMN bi.dim_age.age IS 'Code, SDMX pattern: Y0T4, Y_GE65, _T all ages, _U unknown';
COMMENT ON COLUMN bi.dim_age.min_age IS 'Youngest age in completed years';
COMMENT ON COLUMN bi.dim_age.max_age IS 'Oldest age in completed years; NULL for open bands';
COMMENT ON COLUMN bi.dim_age.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_age.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_age.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_age.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_age.name_ru IS 'Name in Russian';
