CREATE OR REPLACE VIEW bi.integration AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    i.name_en AS indicator_name,
    f.ref_area,
    a.name_en AS ref_area_name,
    a.kind AS ref_area_kind,
    f.subdivision,
    u.name_en AS subdivision_name,
    f.subdivision_matched,
    f.subdivision_published,
    f.match_level,
    f.migration_status,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.education,
    f.time_period,
    f.year,
    f.value,
    f.published_value,
    f.is_total,
    f.unit,
    f.obs_status,
    f.conf_status,
    f.missing_reason,
    f.point_in_time,
    f.note,
    f.release,
    f.freq,
    f.counterpart_area,
    f.labour_status,
    f.occupation,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability,
    f.breakdown
FROM bi.fact_observation AS f
LEFT JOIN ref.subdivision AS u ON f.subdivision = u.code
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
WHERE i.topic = 'integration';

SELECT ref.comment_as('bi.integration', 'bi.fact_observation');
COMMENT ON VIEW bi.integration IS
'Education, health and social protection of migrants and of others, and results of programmes. One row per published figure; SUM(value) of one indicator within a year counts nothing twice';
COMMENT ON COLUMN bi.integration.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.integration.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.integration.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.integration.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.integration.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.integration.ref_area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.integration.ref_area_kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.integration.subdivision IS
'Part of the area, see dim_subdivision; _T the whole area. With a + a unit of the publisher that is not matched';
COMMENT ON COLUMN bi.integration.subdivision_name IS 'Name of the part of the area';
COMMENT ON COLUMN bi.integration.subdivision_matched IS
'Part of the area, ISO 3166-2, that the figure is about or lies in; _T: in the area, more is not known';
COMMENT ON COLUMN bi.integration.subdivision_published IS 'What the publisher calls the part of the area';
COMMENT ON COLUMN bi.integration.match_level IS 'Level of subdivision_matched: 0 the area, 1 the first level below';
COMMENT ON COLUMN bi.integration.migration_status IS
'Migrants, non-migrants, returnees and others where a source tells them apart; _T all, see counterpart_basis';
COMMENT ON COLUMN bi.integration.counterpart_basis IS
'By what migrants are told from others: birth, citizenship; _Z the source does not say';
COMMENT ON COLUMN bi.integration.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.integration.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.integration.education IS 'Level of education, ISCED 2011; _T all';
COMMENT ON COLUMN bi.integration.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.integration.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.integration.value IS
'The figure where it can be added up with others of its year without counting anything twice; else NULL';
COMMENT ON COLUMN bi.integration.published_value IS 'The figure, on every row; NULL where there is none. Do not add up';
COMMENT ON COLUMN bi.integration.is_total IS
'True where other rows (or a preferred source) already count what this row counts';
COMMENT ON COLUMN bi.integration.unit IS 'Unit of value and published_value';
COMMENT ON COLUMN bi.integration.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.integration.conf_status IS 'SDMX CL_CONF_STATUS: F free, C confidential';
COMMENT ON COLUMN bi.integration.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.integration.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.integration.note IS 'Footnotes and flags as the publisher gives them';
COMMENT ON COLUMN bi.integration.release IS 'Edition of the publisher that brought the figure';
