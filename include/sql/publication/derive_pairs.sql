-- Which two figures go together: of the same cell, and of the dates that the formula says. Of several totals under other
-- bases (by birth, by citizenship) the one of the preferred source is the second.
CREATE TEMPORARY TABLE derive_pair ON COMMIT DROP AS
SELECT DISTINCT ON (f.code, i.observation_id)
    f.code AS formula,
    i.observation_id AS input_id,
    o.observation_id AS other_id
FROM ref.derived_indicator AS f
INNER JOIN pg_temp.derive_input AS i ON f.code = i.formula AND i.role = 'input'
INNER JOIN pg_temp.derive_input AS o
    ON
        i.formula = o.formula AND o.role = 'other' AND i.freq = o.freq AND i.ref_area = o.ref_area
        AND i.time_period = o.time_period
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
WHERE
    (f.basis = 'input' OR i.counterpart_basis = o.counterpart_basis)
    AND CASE f.period
        WHEN 'same_period' THEN TRUE
        WHEN 'same_day' THEN i.point_in_time = o.point_in_time
        WHEN 'mid_year' THEN o.point_in_time = make_date(i.year, 7, 1)
        ELSE FALSE
    END
ORDER BY f.code ASC, i.observation_id ASC, o.preference ASC, o.source ASC, o.counterpart_basis ASC, o.observation_id ASC
