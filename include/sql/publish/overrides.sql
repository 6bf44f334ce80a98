CREATE OR REPLACE VIEW bi.overrides AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    f.ref_area,
    f.counterpart_area,
    f.sex,
    f.age,
    f.time_period,
    o.override_id,
    CASE WHEN h.observation_id IS NULL THEN o.published END AS value_of_publisher,
    CASE WHEN h.observation_id IS NULL THEN o.corrected ELSE f.published_value END AS published_value,
    o.why,
    o.evidence,
    o.author,
    o.expires,
    f.vintage
FROM core.override AS o
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN bi.observation_all AS f
    ON
        f.observation_id = o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period
        AND o.vintage_from = f.vintage
LEFT JOIN core.suppressed AS h ON f.observation_id = h.observation_id AND f.vintage = h.vintage AND h.standing;

COMMENT ON VIEW bi.overrides IS
'Figures of observation_all that stand otherwise than published: corrections.csv of the source, with evidence and expiry';
COMMENT ON COLUMN bi.overrides.observation_id IS 'Id of the figure';
COMMENT ON COLUMN bi.overrides.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.overrides.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.overrides.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.overrides.counterpart_area IS 'The other area, see dim_area; _T all';
COMMENT ON COLUMN bi.overrides.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.overrides.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.overrides.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.overrides.override_id IS 'Id of the record in corrections.csv';
COMMENT ON COLUMN bi.overrides.value_of_publisher IS 'What the publisher prints';
COMMENT ON COLUMN bi.overrides.published_value IS 'What stands in observation_all';
COMMENT ON COLUMN bi.overrides.why IS 'Why it stands otherwise';
COMMENT ON COLUMN bi.overrides.evidence IS 'Where that can be seen';
COMMENT ON COLUMN bi.overrides.author IS 'Who answers for it';
COMMENT ON COLUMN bi.overrides.expires IS 'When it has to be looked at again';
COMMENT ON COLUMN bi.overrides.vintage IS 'Vintage of the source that brought the figure';

CREATE OR REPLACE VIEW bi.fact_without_overrides AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    f.ref_area,
    f.counterpart_area,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.time_period,
    f.year,
    CASE WHEN f.value IS NULL THEN NULL ELSE coalesce(o.value_of_publisher, f.value) END AS value,
    coalesce(o.value_of_publisher, f.published_value) AS published_value,
    f.unit,
    f.obs_status,
    f.vintage
FROM bi.fact_observation AS f
LEFT JOIN bi.overrides AS o ON f.observation_id = o.observation_id;

COMMENT ON VIEW bi.fact_without_overrides IS
'fact_observation as the publishers print it: differs from it in the rows of overrides, and in no other';
COMMENT ON COLUMN bi.fact_without_overrides.observation_id IS 'Id of the figure';
COMMENT ON COLUMN bi.fact_without_overrides.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.fact_without_overrides.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.fact_without_overrides.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.fact_without_overrides.counterpart_area IS 'The other area, see dim_area; _T all';
COMMENT ON COLUMN bi.fact_without_overrides.counterpart_basis IS 'What the other area is; _Z none';
COMMENT ON COLUMN bi.fact_without_overrides.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.fact_without_overrides.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.fact_without_overrides.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.fact_without_overrides.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.fact_without_overrides.value IS 'As in fact_observation, without corrections of ours';
COMMENT ON COLUMN bi.fact_without_overrides.published_value IS 'What the publisher prints';
COMMENT ON COLUMN bi.fact_without_overrides.unit IS 'Unit of value and published_value';
COMMENT ON COLUMN bi.fact_without_overrides.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.fact_without_overrides.vintage IS 'Vintage of the source that brought the figure';
