CREATE OR REPLACE VIEW bi.dim_status AS
SELECT
    code AS obs_status,
    has_value <> 'no' AS has_value,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.obs_status;

COMMENT ON VIEW bi.dim_status IS 'Status of a figure, SDMX CL_OBS_STATUS';
COMMENT ON COLUMN bi.dim_status.obs_status IS 'Code: A normal, E estimated, P provisional, O missing, Q suppressed, ...';
COMMENT ON COLUMN bi.dim_status.has_value IS 'False where there is no figure';
COMMENT ON COLUMN bi.dim_status.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_status.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_status.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_status.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_status.name_ru IS 'Name in Russian';
