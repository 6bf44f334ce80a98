-- Of a growth: a figure, and the last one before it in its cell, of the same source; what is missing is passed over.
INSERT INTO pg_temp.derive_pair (formula, input_id, other_id)
WITH earlier AS (
    SELECT
        *,
        lead(point_in_time) OVER (
            PARTITION BY
                formula, source, freq, ref_area, counterpart_basis,
                kept_subdivision, kept_counterpart_area, kept_sex, kept_age, kept_migration_status,
                kept_education, kept_labour_status, kept_occupation, kept_activity,
                kept_reason, kept_urbanisation, kept_disability, kept_breakdown
            ORDER BY point_in_time
        ) AS next_point
    FROM pg_temp.derive_input
    WHERE
        role = 'other' AND published_value IS NOT NULL
        AND formula IN (
            SELECT f.code FROM ref.derived_indicator AS f
            WHERE f.period = 'previous'
        )
)

SELECT
    i.formula,
    i.observation_id AS input_id,
    o.observation_id AS other_id
FROM pg_temp.derive_input AS i
INNER JOIN earlier AS o
    ON
        i.formula = o.formula AND i.source = o.source AND i.freq = o.freq AND i.ref_area = o.ref_area
        AND i.counterpart_basis = o.counterpart_basis
        AND i.kept_subdivision = o.kept_subdivision
        AND i.kept_counterpart_area = o.kept_counterpart_area
        AND i.kept_sex = o.kept_sex
        AND i.kept_age = o.kept_age
        AND i.kept_migration_status = o.kept_migration_status
        AND i.kept_education = o.kept_education
        AND i.kept_labour_status = o.kept_labour_status
        AND i.kept_occupation = o.kept_occupation
        AND i.kept_activity = o.kept_activity
        AND i.kept_reason = o.kept_reason
        AND i.kept_urbanisation = o.kept_urbanisation
        AND i.kept_disability = o.kept_disability
        AND i.kept_breakdown = o.kept_breakdown
        AND i.point_in_time > o.point_in_time AND (o.next_point IS NULL OR i.point_in_time <= o.next_point)
WHERE i.role = 'input'
