CREATE OR REPLACE VIEW bi.dim_indicator AS
SELECT
    code AS indicator,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru,
    definition,
    unit,
    stock_or_flow,
    topic,
    sdg_series,
    sdg_indicator,
    owner
FROM ref.indicator;

COMMENT ON VIEW bi.dim_indicator IS 'The indicator catalogue';
COMMENT ON COLUMN bi.dim_indicator.indicator IS 'Code of the indicator';
COMMENT ON COLUMN bi.dim_indicator.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_indicator.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_indicator.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_indicator.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_indicator.name_ru IS 'Name in Russian';
COMMENT ON COLUMN bi.dim_indicator.definition IS 'What is counted, and how';
COMMENT ON COLUMN bi.dim_indicator.unit IS 'Unit of its figures';
COMMENT ON COLUMN bi.dim_indicator.stock_or_flow IS 'stock: at a point in time, never added over time; flow: over a period';
COMMENT ON COLUMN bi.dim_indicator.topic IS 'Topic view that shows it';
COMMENT ON COLUMN bi.dim_indicator.sdg_series IS 'SDG series code, or none';
COMMENT ON COLUMN bi.dim_indicator.sdg_indicator IS 'SDG indicator number';
COMMENT ON COLUMN bi.dim_indicator.owner IS 'Who answers for the definition';
