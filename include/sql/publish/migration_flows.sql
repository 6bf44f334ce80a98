CREATE OR REPLACE VIEW bi.migration_flows AS
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
    k.comparability,
    f.subdivision,
    u.name_en AS subdivision_name,
    f.subdivision_matched,
    f.subdivision_published,
    f.match_level,
    f.nature,
    core.is_modelled(f.nature, f.obs_status) AS is_modelled,
    f.freq,
    f.migration_status,
    f.education,
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
LEFT JOIN ref.area AS c ON f.counterpart_area = c.code
LEFT JOIN core.comparability AS k ON f.indicator = k.indicator AND f.year = k.year
WHERE i.topic = 'migration_flows';

SELECT ref.comment_as('bi.migration_flows', 'bi.fact_observation');
COMMENT ON VIEW bi.migration_flows IS
'Migration flows, net migration included. One row per published figure; SUM(value) of one indicator within a year counts nothing twice';
COMMENT ON COLUMN bi.migration_flows.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.migration_flows.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.migration_flows.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.migration_flows.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.migration_flows.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.migration_flows.ref_area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.migration_flows.ref_area_kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.migration_flows.counterpart_area IS 'The other area (origin, citizenship, birth), see dim_area; _T all';
COMMENT ON COLUMN bi.migration_flows.counterpart_name IS 'Name of the other area in English';
COMMENT ON COLUMN bi.migration_flows.counterpart_basis IS 'What the other area is: birth, citizenship, origin; _Z none';
COMMENT ON COLUMN bi.migration_flows.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.migration_flows.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.migration_flows.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.migration_flows.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.migration_flows.value IS
'The figure where it can be added up with others of its year without counting anything twice; else NULL. Over areas only where aggregation_area of dim_indicator is sum';
COMMENT ON COLUMN bi.migration_flows.published_value IS 'The figure, on every row; NULL where there is none. Do not add up';
COMMENT ON COLUMN bi.migration_flows.is_total IS 'True where other rows (or a preferred source) already count what this row counts';
COMMENT ON COLUMN bi.migration_flows.unit IS 'Unit of value and published_value';
COMMENT ON COLUMN bi.migration_flows.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.migration_flows.conf_status IS 'SDMX CL_CONF_STATUS: F free, C confidential';
COMMENT ON COLUMN bi.migration_flows.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.migration_flows.concept_basis IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.migration_flows.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.migration_flows.note IS 'Footnotes and flags as the publisher gives them';
COMMENT ON COLUMN bi.migration_flows.release IS 'Edition of the publisher that brought the figure';
COMMENT ON COLUMN bi.migration_flows.comparability IS
'Who is counted in the figures of this indicator and year that SUM(value) adds up: birth, citizenship ..., or mixed';
COMMENT ON COLUMN bi.migration_flows.subdivision IS 'Part of the area, see dim_subdivision; _T the whole area. With a + a unit of the publisher that is not matched';
COMMENT ON COLUMN bi.migration_flows.subdivision_name IS 'Name of the part of the area';
COMMENT ON COLUMN bi.migration_flows.subdivision_matched IS 'Part of the area, ISO 3166-2, that the figure is about or lies in; _T: in the area, more is not known';
COMMENT ON COLUMN bi.migration_flows.subdivision_published IS 'What the publisher calls the part of the area';
COMMENT ON COLUMN bi.migration_flows.match_level IS 'Level of subdivision_matched: 0 the area, 1 the first level below';
COMMENT ON COLUMN bi.migration_flows.nature IS 'Nature of the figure, SDMX-SDG CL_NATURE: C country data, M modelled ...';
COMMENT ON COLUMN bi.migration_flows.is_modelled IS
'True where nobody observed it: modelled, estimated, imputed or forecast (nature M or E, status E, F or I)';
