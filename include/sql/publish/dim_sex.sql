CREATE OR REPLACE VIEW bi.dim_sex AS
SELECT
    code AS sex,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.sex;

COMMENT ON VIEW bi.dim_sex IS 'Sex, SDMX CL_SEX';
COMMENT ON COLUMN bi.dim_sex.sex IS 'Code: F, M, _T both, _U unknown';
COMMENT ON COLUMN bi.dim_sex.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_sex.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_sex.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_sex.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_sex.name_ru IS 'Name in Russian';
