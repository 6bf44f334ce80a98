CREATE OR REPLACE VIEW bi.labour_market AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    i.name_en AS indicator_name,
    f.ref_area,
    a.name_en AS ref_area_name,
    a.kind AS ref_area_kind,
    f.counterpart_area,
    c.name_en AS counterpart_name,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.occupation,
    f.time_period,
    f.year,
    f.value,
    f.published_value,
    f.is_total,
    f.unit,
    f.obs_status,
    f.conf_status,
    f.missing_reason,
    f.concept_basis,
    f.point_in_time,
    f.note,
    f.release,
    f.freq,
    f.subdivision,
    f.labour_status,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability,
    f.breakdown
FROM bi.fact_observation AS f
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
LEFT JOIN ref.area AS c ON f.counterpart_area = c.code
WHERE i.topic = 'labour_market';

SELECT ref.comment_as('bi.labour_market', 'bi.fact_observation');
COMMENT ON VIEW bi.labour_market IS
'Employment, unemployment, activity and education of migrants and of others, by citizenship or country of birth. One row per published figure; rates have no value to add up, only published_value';
COMMENT ON COLUMN bi.labour_market.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.labour_market.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.labour_market.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.labour_market.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.labour_market.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.labour_market.ref_area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.labour_market.ref_area_kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.labour_market.counterpart_area IS 'The other area (origin, citizenship, birth), see dim_area; _T all';
COMMENT ON COLUMN bi.labour_market.counterpart_name IS 'Name of the other area in English';
COMMENT ON COLUMN bi.labour_market.counterpart_basis IS 'What the other area is: birth, citizenship, origin; _Z none';
COMMENT ON COLUMN bi.labour_market.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.labour_market.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.labour_market.migration_status IS 'Migrants, non-migrants or all (_T): a total of migrants over all countries is not the total of all';
COMMENT ON COLUMN bi.labour_market.education IS 'Level of education, ISCED 2011; _T all';
COMMENT ON COLUMN bi.labour_market.occupation IS 'Occupation, ISCO-08; _T all';
COMMENT ON COLUMN bi.labour_market.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.labour_market.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.labour_market.value IS 'The figure where it can be added up with others of its year without counting anything twice; else NULL';
COMMENT ON COLUMN bi.labour_market.published_value IS 'The figure, on every row; NULL where there is none. Do not add up';
COMMENT ON COLUMN bi.labour_market.is_total IS 'True where other rows (or a preferred source) already count what this row counts';
COMMENT ON COLUMN bi.labour_market.unit IS 'Unit of value and published_value';
COMMENT ON COLUMN bi.labour_market.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.labour_market.conf_status IS 'SDMX CL_CONF_STATUS: F free, C confidential';
COMMENT ON COLUMN bi.labour_market.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.labour_market.concept_basis IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.labour_market.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.labour_market.note IS 'Footnotes and flags as the publisher gives them';
COMMENT ON COLUMN bi.labour_market.release IS 'Edition of the publisher that brought the figure';
