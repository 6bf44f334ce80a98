CREATE OR REPLACE VIEW bi.discrepancies AS
-- Of two sources the preferred one is named first; without a preference it is the first by name.
WITH ranked AS NOT MATERIALIZED (
    SELECT
        f.*,
        coalesce(array_position(string_to_array(p.sources, '|'), f.source), 999) AS preference
    FROM bi.observation_all AS f
    LEFT JOIN ref.source_preference AS p ON f.indicator = p.code
    WHERE f.published_value IS NOT NULL
)

SELECT
    f.indicator,
    f.freq,
    f.ref_area,
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
    f.disability,
    f.breakdown,
    f.time_period,
    f.year,
    f.unit,
    f.source,
    f.observation_id,
    f.published_value,
    f.concept_basis,
    f.point_in_time,
    o.source AS other_source,
    o.observation_id AS other_observation_id,
    o.published_value AS other_value,
    o.concept_basis AS other_concept_basis,
    o.point_in_time AS other_point_in_time,
    f.published_value - o.published_value AS difference,
    abs(f.published_value - o.published_value) / greatest(abs(f.published_value), abs(o.published_value))
        AS relative_difference
FROM ranked AS f
INNER JOIN ranked AS o
    ON
        f.indicator = o.indicator
        AND f.freq = o.freq
        AND f.ref_area = o.ref_area
        AND f.subdivision = o.subdivision
        AND f.counterpart_area = o.counterpart_area
        AND f.counterpart_basis = o.counterpart_basis
        AND f.sex = o.sex
        AND f.age = o.age
        AND f.migration_status = o.migration_status
        AND f.education = o.education
        AND f.labour_status = o.labour_status
        AND f.occupation = o.occupation
        AND f.activity = o.activity
        AND f.reason = o.reason
        AND f.urbanisation = o.urbanisation
        AND f.disability = o.disability
        AND f.breakdown = o.breakdown
        AND f.time_period = o.time_period
        AND f.unit = o.unit
        AND (f.preference, f.source) < (o.preference, o.source)
        AND f.source <> o.source
        AND f.published_value <> o.published_value;

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
