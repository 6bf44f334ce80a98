CREATE OR REPLACE VIEW bi.dim_indicator AS
SELECT
    i.code AS indicator,
    i.name_en,
    i.name_fr,
    i.name_es,
    i.name_ar,
    i.name_ru,
    i.definition,
    i.unit,
    i.stock_or_flow,
    i.topic,
    i.sdg_series,
    i.sdg_indicator,
    i.owner,
    d.definition_fr,
    d.definition_es,
    d.definition_ar,
    d.definition_ru,
    c.sdg_target,
    c.gcm_objective,
    c.sector,
    s.name_en AS sector_name,
    c.concept,
    c.reference_point,
    c.concept_basis,
    c.required_breakdowns,
    c.aggregation_area,
    c.aggregation_counterpart,
    c.aggregation_time,
    c.aggregation_breakdown,
    f.indicator IS NOT NULL AS is_derived,
    c.also_topic
FROM ref.indicator AS i
LEFT JOIN ref.indicator_catalogue AS c ON i.code = c.code
LEFT JOIN ref.indicator_definition AS d ON i.code = d.code
LEFT JOIN ref.sector AS s ON c.sector = s.code
LEFT JOIN (SELECT DISTINCT r.indicator FROM ref.derived_indicator AS r) AS f ON i.code = f.indicator;

COMMENT ON VIEW bi.dim_indicator IS
'The indicator catalogue. Cells with several values have | between them; bi.indicator_tag has a row for each';
COMMENT ON COLUMN bi.dim_indicator.indicator IS 'Code of the indicator';
COMMENT ON COLUMN bi.dim_indicator.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_indicator.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_indicator.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_indicator.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_indicator.name_ru IS 'Name in Russian';
COMMENT ON COLUMN bi.dim_indicator.definition IS 'What is counted, and how, in English';
COMMENT ON COLUMN bi.dim_indicator.unit IS 'Unit of its figures';
COMMENT ON COLUMN bi.dim_indicator.stock_or_flow IS 'stock: at a point in time, never added over time; flow: over a period';
COMMENT ON COLUMN bi.dim_indicator.topic IS 'Topic view that shows it';
COMMENT ON COLUMN bi.dim_indicator.sdg_series IS 'SDG series code, or none';
COMMENT ON COLUMN bi.dim_indicator.sdg_indicator IS 'SDG indicator number, where the measure is the same; else none';
COMMENT ON COLUMN bi.dim_indicator.owner IS 'Who answers for the definition';
COMMENT ON COLUMN bi.dim_indicator.definition_fr IS 'Definition in French';
COMMENT ON COLUMN bi.dim_indicator.definition_es IS 'Definition in Spanish';
COMMENT ON COLUMN bi.dim_indicator.definition_ar IS 'Definition in Arabic';
COMMENT ON COLUMN bi.dim_indicator.definition_ru IS 'Definition in Russian';
COMMENT ON COLUMN bi.dim_indicator.sdg_target IS 'SDG targets that it informs, separated by |; none where no target is about it';
COMMENT ON COLUMN bi.dim_indicator.gcm_objective IS 'Objectives of the Global Compact for Migration that it informs, separated by |; or none';
COMMENT ON COLUMN bi.dim_indicator.sector IS 'Policy sector: employment, education, health, social_protection ...';
COMMENT ON COLUMN bi.dim_indicator.sector_name IS 'Name of the sector in English';
COMMENT ON COLUMN bi.dim_indicator.concept IS 'Standard whose concept it follows (UN recommendations, ICLS, IRRS, BPM6 ...); or none';
COMMENT ON COLUMN bi.dim_indicator.reference_point IS 'Where it is the same at all publishers: end, MM-DD or period; NULL: each figure says its own';
COMMENT ON COLUMN bi.dim_indicator.concept_basis IS 'Where the definition fixes it: who counts as a migrant; NULL: each figure says its own';
COMMENT ON COLUMN bi.dim_indicator.required_breakdowns IS
'Dimensions by which it should be broken down (SDG 17.18.1, its metadata, GCM objective 1), separated by |; or none';
COMMENT ON COLUMN bi.dim_indicator.aggregation_area IS
'How figures of areas may be put together: sum, none, or mean:X, the mean weighted by indicator X. Where it is not sum, SUM(value) holds within one area, and over several it is no sensible number';
COMMENT ON COLUMN bi.dim_indicator.aggregation_counterpart IS 'The same over counterpart areas (origins, citizenships)';
COMMENT ON COLUMN bi.dim_indicator.aggregation_time IS 'The same over periods';
COMMENT ON COLUMN bi.dim_indicator.aggregation_breakdown IS 'The same over sex, age and all other breakdowns that do not overlap';
COMMENT ON COLUMN bi.dim_indicator.is_derived IS 'Whether migstats derives figures of it from others, see docs/indicators.md';
COMMENT ON COLUMN bi.dim_indicator.also_topic IS 'A narrower topic view that shows it too; NULL: none';
