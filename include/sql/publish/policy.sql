CREATE OR REPLACE VIEW bi.policy AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    i.name_en AS indicator_name,
    f.ref_area,
    a.name_en AS ref_area_name,
    a.kind AS ref_area_kind,
    f.breakdown,
    b.name_en AS breakdown_name,
    f.time_period,
    f.year,
    f.value,
    f.published_value,
    f.is_total,
    f.unit,
    f.obs_status,
    f.conf_status,
    f.missing_reason,
    f.nature,
    f.point_in_time,
    f.note,
    f.release,
    f.freq,
    f.subdivision,
    f.counterpart_area,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.labour_status,
    f.occupation,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability
FROM bi.fact_observation AS f
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
LEFT JOIN ref.breakdown AS b ON f.breakdown = b.code
WHERE i.topic = 'policy';

SELECT ref.comment_as('bi.policy', 'bi.fact_observation');
COMMENT ON VIEW bi.policy IS
'Migration policies, statistical capacity and scholarships of countries: what a country does and can do. One row per published figure; scores, indices and yes or no have no value to add up, only published_value';
COMMENT ON COLUMN bi.policy.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.policy.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.policy.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.policy.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.policy.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.policy.ref_area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.policy.ref_area_kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.policy.breakdown IS 'What else tells the figure apart, such as the policy domain, as scheme:code; _T total';
COMMENT ON COLUMN bi.policy.breakdown_name IS 'Name of the breakdown in English';
COMMENT ON COLUMN bi.policy.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.policy.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.policy.value IS 'The figure where it can be added up with others of its year without counting anything twice; else NULL';
COMMENT ON COLUMN bi.policy.published_value IS 'The figure, on every row; NULL where there is none. Do not add up';
COMMENT ON COLUMN bi.policy.is_total IS 'True where other rows (or a preferred source) already count what this row counts';
COMMENT ON COLUMN bi.policy.unit IS 'Unit of value and published_value: a score, an index, 1 for yes';
COMMENT ON COLUMN bi.policy.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.policy.conf_status IS 'SDMX CL_CONF_STATUS: F free, C confidential';
COMMENT ON COLUMN bi.policy.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.policy.nature IS 'Who made the figure: country data, estimated, global monitoring';
COMMENT ON COLUMN bi.policy.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.policy.note IS 'Footnotes and flags as the publisher gives them';
COMMENT ON COLUMN bi.policy.release IS 'Edition of the publisher that brought the figure';
