CREATE OR REPLACE VIEW bi.discrepancies AS
-- What bi.reconciliation has of one cell of two sources, where they differ; the preferred one is named first.
SELECT
    indicator,
    freq,
    ref_area,
    subdivision,
    counterpart_area,
    counterpart_basis,
    sex,
    age,
    migration_status,
    education,
    labour_status,
    occupation,
    activity,
    reason,
    urbanisation,
    disability,
    breakdown,
    time_period,
    year,
    unit,
    source,
    observation_id,
    published_value,
    concept_basis,
    point_in_time,
    other_source,
    other_observation_id,
    other_value,
    other_concept_basis,
    other_point_in_time,
    difference,
    relative_difference
FROM core.reconciliation
WHERE comparison = 'cell' AND difference <> 0 AND NOT restricted;

COMMENT ON VIEW bi.discrepancies IS
'Where two sources publish different figures for the same cell. Both are kept, the preferred one counts in SUM(value); days and concepts may explain it. Filter by relative_difference';
COMMENT ON COLUMN bi.discrepancies.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.discrepancies.freq IS 'Frequency: A year, Q quarter, M month';
COMMENT ON COLUMN bi.discrepancies.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.discrepancies.subdivision IS 'Part of the area, ISO 3166-2; _T the whole';
COMMENT ON COLUMN bi.discrepancies.counterpart_area IS 'Area of birth, citizenship, origin or destination; _T all';
COMMENT ON COLUMN bi.discrepancies.counterpart_basis IS 'What the counterpart area is to the persons';
COMMENT ON COLUMN bi.discrepancies.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.discrepancies.age IS 'Age band, see dim_age; _T all';
COMMENT ON COLUMN bi.discrepancies.migration_status IS 'Migration status; _T all';
COMMENT ON COLUMN bi.discrepancies.education IS 'Education; _T all';
COMMENT ON COLUMN bi.discrepancies.labour_status IS 'Labour status; _T all';
COMMENT ON COLUMN bi.discrepancies.occupation IS 'Occupation; _T all';
COMMENT ON COLUMN bi.discrepancies.activity IS 'Economic activity; _T all';
COMMENT ON COLUMN bi.discrepancies.reason IS 'Reason for migration; _T all';
COMMENT ON COLUMN bi.discrepancies.urbanisation IS 'Degree of urbanisation; _T all';
COMMENT ON COLUMN bi.discrepancies.disability IS 'Disability; _T all';
COMMENT ON COLUMN bi.discrepancies.breakdown IS 'Further breakdown, scheme:code; _T none';
COMMENT ON COLUMN bi.discrepancies.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.discrepancies.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.discrepancies.unit IS 'Unit of both figures';
COMMENT ON COLUMN bi.discrepancies.source IS 'The source that is preferred for the indicator, see dim_source';
COMMENT ON COLUMN bi.discrepancies.observation_id IS 'Id of its figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.discrepancies.published_value IS 'Its figure';
COMMENT ON COLUMN bi.discrepancies.concept_basis IS 'Who counts as a migrant there: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.discrepancies.point_in_time IS 'Of stocks: the day that its figure is of';
COMMENT ON COLUMN bi.discrepancies.other_source IS 'The other source';
COMMENT ON COLUMN bi.discrepancies.other_observation_id IS 'Id of the figure of the other source';
COMMENT ON COLUMN bi.discrepancies.other_value IS 'The figure of the other source';
COMMENT ON COLUMN bi.discrepancies.other_concept_basis IS 'Who counts as a migrant in the other source';
COMMENT ON COLUMN bi.discrepancies.other_point_in_time IS 'Of stocks: the day that the figure of the other source is of';
COMMENT ON COLUMN bi.discrepancies.difference IS 'published_value less other_value';
COMMENT ON COLUMN bi.discrepancies.relative_difference IS 'The difference as a part of the larger of the two figures, without sign: 0.05 is five per cent';
