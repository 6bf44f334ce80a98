CREATE OR REPLACE VIEW bi.dim_preference AS
SELECT
    code AS why_preferred,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.why_preferred;

COMMENT ON VIEW bi.dim_preference IS 'Why the figure of a source is the one that fact_observation shows';
COMMENT ON COLUMN bi.dim_preference.why_preferred IS 'Code of the reason';
COMMENT ON COLUMN bi.dim_preference.name_en IS 'The reason in English';
COMMENT ON COLUMN bi.dim_preference.name_fr IS 'The reason in French';
COMMENT ON COLUMN bi.dim_preference.name_es IS 'The reason in Spanish';
COMMENT ON COLUMN bi.dim_preference.name_ar IS 'The reason in Arabic';
COMMENT ON COLUMN bi.dim_preference.name_ru IS 'The reason in Russian';
