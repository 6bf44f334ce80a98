CREATE OR REPLACE VIEW bi.reconciliation AS
SELECT
    comparison,
    relation,
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
    coverage,
    other_indicator,
    other_source,
    other_observation_id,
    other_published_value,
    other_unit,
    other_counterpart_basis,
    other_concept_basis,
    other_point_in_time,
    other_coverage,
    denominator_observation_id,
    other_value,
    difference,
    ratio,
    relative_difference,
    tolerance,
    within_tolerance,
    reason_code,
    explanation,
    preferred_source,
    score,
    rank
FROM core.reconciliation
WHERE NOT restricted;

COMMENT ON VIEW bi.reconciliation IS
'Two figures that claim the same, of two sources or of two indicators that ought to agree: how far they are apart, whether that may be, and why. ORDER BY score DESC NULLS LAST';
COMMENT ON COLUMN bi.reconciliation.comparison IS
'What is compared: cell (one cell of two sources), or a declared pair of indicators such as sdg_10_7_4';
COMMENT ON COLUMN bi.reconciliation.relation IS
'equal: both ought to be the same; part: the first is a part of the other; apart: shown side by side, not judged';
COMMENT ON COLUMN bi.reconciliation.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.reconciliation.freq IS 'Frequency: A year, Q quarter, M month';
COMMENT ON COLUMN bi.reconciliation.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.reconciliation.subdivision IS 'Part of the area, ISO 3166-2; _T the whole';
COMMENT ON COLUMN bi.reconciliation.counterpart_area IS 'Area of birth, citizenship, origin or destination; _T all';
COMMENT ON COLUMN bi.reconciliation.counterpart_basis IS
'What the counterpart area is to the persons; of a total it makes no difference';
COMMENT ON COLUMN bi.reconciliation.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.reconciliation.age IS 'Age band, see dim_age; _T all';
COMMENT ON COLUMN bi.reconciliation.migration_status IS 'Migration status; _T all';
COMMENT ON COLUMN bi.reconciliation.education IS 'Education; _T all';
COMMENT ON COLUMN bi.reconciliation.labour_status IS 'Labour status; _T all';
COMMENT ON COLUMN bi.reconciliation.occupation IS 'Occupation; _T all';
COMMENT ON COLUMN bi.reconciliation.activity IS 'Economic activity; _T all';
COMMENT ON COLUMN bi.reconciliation.reason IS 'Reason for migration; _T all. Why figures differ is reason_code';
COMMENT ON COLUMN bi.reconciliation.urbanisation IS 'Degree of urbanisation; _T all';
COMMENT ON COLUMN bi.reconciliation.disability IS 'Disability; _T all';
COMMENT ON COLUMN bi.reconciliation.breakdown IS 'Further breakdown, scheme:code; _T none';
COMMENT ON COLUMN bi.reconciliation.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.reconciliation.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.reconciliation.unit IS 'Unit of published_value and other_value';
COMMENT ON COLUMN bi.reconciliation.source IS
'Source of the figure, see dim_source; of a cell the one that is preferred to the other';
COMMENT ON COLUMN bi.reconciliation.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.reconciliation.published_value IS 'The figure';
COMMENT ON COLUMN bi.reconciliation.concept_basis IS
'Who counts as a migrant there: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.reconciliation.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.reconciliation.coverage IS 'What the figure covers where it is not the whole';
COMMENT ON COLUMN bi.reconciliation.other_indicator IS 'What the other figure measures; of a cell the same';
COMMENT ON COLUMN bi.reconciliation.other_source IS 'Source of the other figure';
COMMENT ON COLUMN bi.reconciliation.other_observation_id IS 'Id of the other figure';
COMMENT ON COLUMN bi.reconciliation.other_published_value IS 'The other figure as it was published';
COMMENT ON COLUMN bi.reconciliation.other_unit IS 'Unit of other_published_value';
COMMENT ON COLUMN bi.reconciliation.other_counterpart_basis IS
'What the counterpart area is to the persons in the other figure';
COMMENT ON COLUMN bi.reconciliation.other_concept_basis IS 'Who counts as a migrant in the other figure';
COMMENT ON COLUMN bi.reconciliation.other_point_in_time IS 'Of stocks: the day that the other figure is of';
COMMENT ON COLUMN bi.reconciliation.other_coverage IS 'What the other figure covers where it is not the whole';
COMMENT ON COLUMN bi.reconciliation.denominator_observation_id IS
'Id of the population that the other figure was divided by, where it was';
COMMENT ON COLUMN bi.reconciliation.other_value IS
'The other figure in the unit of the first, worked out where they differ';
COMMENT ON COLUMN bi.reconciliation.difference IS 'published_value less other_value';
COMMENT ON COLUMN bi.reconciliation.ratio IS 'published_value divided by other_value; NULL where that is nought';
COMMENT ON COLUMN bi.reconciliation.relative_difference IS
'The difference as a part of the larger of the two, without sign: 0.05 is five per cent';
COMMENT ON COLUMN bi.reconciliation.tolerance IS
'How large relative_difference may be, as declared for the pair of sources, the indicator or the unit; NULL where nothing is judged';
COMMENT ON COLUMN bi.reconciliation.within_tolerance IS
'Whether it is; of a part, whether it is no larger than the whole by more than that';
COMMENT ON COLUMN bi.reconciliation.reason_code IS
'Why they differ, the first that holds: definition, basis, reference_date, coverage, rounding, unexplained; NULL where they are equal';
COMMENT ON COLUMN bi.reconciliation.explanation IS 'What is declared of this comparison, in words';
COMMENT ON COLUMN bi.reconciliation.preferred_source IS
'Of a cell the source whose figure is preferred to the other; NULL between two indicators';
COMMENT ON COLUMN bi.reconciliation.score IS
'relative_difference times the logarithm of the larger figure: what is both far apart and large comes first. NULL where nothing is judged';
COMMENT ON COLUMN bi.reconciliation.rank IS
'Place by the score among all pairs of this comparison and indicator, 1 is the largest';
