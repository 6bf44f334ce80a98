CREATE OR REPLACE VIEW bi.area_group_total AS
SELECT
    t.group_area,
    a.name_en AS group_name,
    t.indicator,
    i.name_en AS indicator_name,
    i.stock_or_flow,
    t.freq,
    t.time_period,
    t.year,
    t.counterpart_basis,
    t.sex,
    t.age,
    t.unit,
    t.value,
    t.obs_status,
    t.missing_reason,
    t.coverage,
    t.known_value,
    t.members,
    t.members_missing,
    t.missing,
    t.published_value,
    t.known_value / nullif(t.published_value, 0) AS coverage_of_published,
    t.comparability,
    t.sources
FROM core.group_total AS t
INNER JOIN ref.area AS a ON t.group_area = a.code
INNER JOIN ref.indicator AS i ON t.indicator = i.code;

COMMENT ON VIEW bi.area_group_total IS
'Sums of countries to regions and other groups, from the figures of bi.fact_observation. A sum with a member missing has no value, and says which are missing; groups overlap, and are never added up';
COMMENT ON COLUMN bi.area_group_total.group_area IS 'Group of areas, see dim_area; its members are in dim_area_group';
COMMENT ON COLUMN bi.area_group_total.group_name IS 'Name of the group in English';
COMMENT ON COLUMN bi.area_group_total.indicator IS 'What is measured, see dim_indicator: counts and amounts whose aggregation_area is sum, no shares and rates';
COMMENT ON COLUMN bi.area_group_total.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.area_group_total.stock_or_flow IS 'stock: at a point in time, never added over time; flow: over a period';
COMMENT ON COLUMN bi.area_group_total.freq IS 'Frequency, SDMX CL_FREQ: A year, S half-year, Q quarter, M month';
COMMENT ON COLUMN bi.area_group_total.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.area_group_total.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.area_group_total.counterpart_basis IS 'Under which other area the figures of all members could be broken down: birth, citizenship, origin; _Z none, or not the same for all. A total is the same figure under each';
COMMENT ON COLUMN bi.area_group_total.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.area_group_total.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.area_group_total.unit IS 'Unit of the values: PS persons, USD current US dollars, NUMBER';
COMMENT ON COLUMN bi.area_group_total.value IS 'Sum of all members; NULL where one is missing';
COMMENT ON COLUMN bi.area_group_total.obs_status IS 'Status of the sum, see dim_status: that of the member that says most against it';
COMMENT ON COLUMN bi.area_group_total.missing_reason IS 'Why there is no sum';
COMMENT ON COLUMN bi.area_group_total.coverage IS 'Share of the members that existed then which have a figure, 0 to 1';
COMMENT ON COLUMN bi.area_group_total.known_value IS 'Sum of the members that have a figure. Smaller than the group where coverage is below 1';
COMMENT ON COLUMN bi.area_group_total.members IS 'Members that existed then, or have a figure';
COMMENT ON COLUMN bi.area_group_total.members_missing IS 'How many of them have no figure';
COMMENT ON COLUMN bi.area_group_total.missing IS 'Which of them, codes of dim_area';
COMMENT ON COLUMN bi.area_group_total.published_value IS 'Figure that a publisher has for the group itself; NULL where there is none';
COMMENT ON COLUMN bi.area_group_total.coverage_of_published IS 'known_value as a share of published_value';
COMMENT ON COLUMN bi.area_group_total.comparability IS 'birth, citizenship ... where all members count the same kind of migrants, mixed where they do not';
COMMENT ON COLUMN bi.area_group_total.sources IS 'Sources of the figures that were looked at, see dim_source';
