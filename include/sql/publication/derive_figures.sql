-- The derived figures, one for each pair. Where there is none, the status says why: suppressed before missing, missing
-- before what cannot be computed. With one, the weakest status of the inputs is its status.
CREATE TEMPORARY TABLE derived ON COMMIT DROP AS
WITH pairs AS (
    SELECT
        f.kind,
        f.multiplier,
        n.code AS result,
        n.unit AS result_unit,
        n.min_value,
        n.max_value,
        i.*,
        o.observation_id AS other_id,
        o.time_period AS other_period,
        o.published_value AS other_value,
        o.obs_status AS other_status,
        o.conf_status AS other_conf_status,
        o.missing_reason AS other_reason,
        o.nature AS other_nature,
        o.coverage AS other_coverage,
        o.vintage AS other_vintage,
        i.published_value IS NULL OR o.published_value IS NULL AS missing,
        f.basis = 'same' AND coalesce(i.concept_basis, '') <> coalesce(o.concept_basis, '') AS mixed,
        CASE f.kind
            WHEN 'ratio' THEN o.published_value = 0
            WHEN 'growth' THEN i.published_value <= 0 OR o.published_value <= 0
            ELSE FALSE
        END AS undefined,
        ARRAY[i.obs_status, o.obs_status] AS statuses,
        extract(YEAR FROM age(i.point_in_time, o.point_in_time))
        + extract(MONTH FROM age(i.point_in_time, o.point_in_time)) / 12
        + extract(DAY FROM age(i.point_in_time, o.point_in_time)) / 365.25 AS years
    FROM pg_temp.derive_pair AS p
    INNER JOIN ref.derived_indicator AS f ON p.formula = f.code
    INNER JOIN ref.indicator AS n ON f.indicator = n.code
    INNER JOIN pg_temp.derive_input AS i ON p.input_row = i.row_id
    INNER JOIN pg_temp.derive_input AS o ON p.other_row = o.row_id
),

computed AS (
    SELECT
        i.*,
        CASE
            WHEN i.missing OR i.mixed OR i.undefined THEN NULL
            WHEN i.kind = 'ratio' THEN i.multiplier * i.published_value / i.other_value
            WHEN i.kind = 'difference' THEN i.published_value - i.other_value
            WHEN i.kind = 'growth' THEN i.multiplier * ln(i.published_value / i.other_value) / i.years::double precision
        END AS result_value
    FROM pairs AS i
),

judged AS (
    SELECT
        i.*,
        coalesce(i.result_value < i.min_value OR i.result_value > i.max_value, FALSE) AS impossible
    FROM computed AS i
)

SELECT
    i.formula,
    i.observation_id AS input_id,
    i.other_id,
    'migstats-'
    || left(md5('derived|' || i.cell || '|' || i.counterpart_basis), 16)
    || '-'
    || i.time_period AS observation_id,
    i.result AS indicator,
    i.freq,
    i.ref_area,
    i.kept_subdivision AS subdivision,
    i.kept_counterpart_area AS counterpart_area,
    i.kept_sex AS sex,
    i.kept_age AS age,
    i.kept_migration_status AS migration_status,
    i.kept_education AS education,
    i.kept_labour_status AS labour_status,
    i.kept_occupation AS occupation,
    i.kept_activity AS activity,
    i.kept_reason AS reason,
    i.kept_urbanisation AS urbanisation,
    i.kept_disability AS disability,
    i.kept_breakdown AS breakdown,
    i.counterpart_basis,
    i.time_period,
    i.year,
    CASE WHEN NOT i.impossible THEN i.result_value END AS published_value,
    i.result_unit AS unit,
    CASE
        WHEN i.missing AND 'Q' = any(i.statuses) THEN 'Q'
        WHEN
            i.missing
            THEN replace(CASE WHEN i.published_value IS NULL THEN i.obs_status ELSE i.other_status END, 'N', 'O')
        WHEN i.mixed OR i.undefined OR i.impossible THEN 'M'
        WHEN 'F' = any(i.statuses) THEN 'F'
        WHEN i.statuses && ARRAY['E', 'I', 'G'] THEN 'E'
        WHEN i.statuses && ARRAY['U', 'V', 'S'] THEN 'U'
        WHEN 'P' = any(i.statuses) THEN 'P'
        WHEN 'B' = any(i.statuses) THEN 'B'
        WHEN i.statuses && ARRAY['D', 'J', 'K', 'W'] THEN 'D'
        ELSE 'A'
    END AS obs_status,
    CASE
        WHEN i.missing THEN coalesce(nullif(i.conf_status, 'F'), nullif(i.other_conf_status, 'F'), 'F') ELSE 'F'
    END AS conf_status,
    CASE
        WHEN i.missing AND 'Q' = any(i.statuses) THEN 'suppressed'
        WHEN i.missing
            THEN
                replace(
                    CASE WHEN i.published_value IS NULL THEN i.missing_reason ELSE i.other_reason END,
                    'below_half_unit', 'not_available'
                )
        WHEN i.mixed OR i.undefined OR i.impossible THEN 'not_applicable'
    END AS missing_reason,
    -- what comes of a modelled figure was observed by nobody
    CASE
        WHEN 'M' IN (i.nature, i.other_nature) THEN 'M'
        WHEN 'E' IN (i.nature, i.other_nature) THEN 'E'
    END AS nature,
    CASE WHEN NOT i.mixed THEN i.concept_basis END AS concept_basis,
    CASE
        WHEN i.coverage = i.other_coverage THEN i.coverage
        ELSE nullif(concat_ws('; ', i.coverage, i.other_coverage), '')
    END AS coverage,
    i.residence_criterion,
    i.reference_point,
    i.point_in_time,
    concat_ws(
        '; ',
        'formula ' || i.formula,
        CASE
            WHEN i.missing THEN NULL
            WHEN i.mixed THEN 'not computed: the inputs have different concept bases'
            WHEN i.undefined THEN 'not computed: an input is nought'
            WHEN i.impossible THEN 'not computed: the result is outside what the indicator can be'
            WHEN i.kind = 'growth' THEN 'since ' || i.other_period
        END
    ) AS note,
    greatest(i.vintage, i.other_vintage) AS vintage,
    i.subdivision_matched,
    i.subdivision_published,
    i.match_level
FROM judged AS i
