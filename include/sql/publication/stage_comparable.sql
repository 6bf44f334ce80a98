-- Figures of two indicators that ought to agree, the preferred ones of both. A reversed pair has the area of the first as
-- the counterpart of the second, in the world (refugees by origin); its figure is divided where the facts say by what. A
-- pair is made anew where one of its indicators is published.
INSERT INTO pg_temp.claim
WITH pairs AS (
    SELECT c.*
    FROM ref.comparable AS c
    WHERE
        EXISTS (
            SELECT 1 FROM pg_temp.touched AS t
            WHERE t.indicator IN (c.indicator, c.other_indicator, c.denominator)
        )
),

wanted AS (
    SELECT
        w.indicator,
        bool_and(w.totals) AS totals
    FROM pairs AS k
    CROSS JOIN
        LATERAL (
            VALUES (k.indicator, FALSE), (k.other_indicator, FALSE), (k.denominator, TRUE)
        ) AS w (indicator, totals)
    WHERE w.indicator IS NOT NULL
    GROUP BY w.indicator
),

figures AS (
    SELECT
        p.*,
        CASE WHEN a.code = '_T' OR a.m49 = '001' THEN '_T' ELSE p.ref_area END AS area,
        CASE WHEN c.m49 = '001' THEN '_T' ELSE p.counterpart_area END AS counterpart,
        concat_ws(
            '|', p.subdivision, p.sex, p.age, p.migration_status, p.education, p.labour_status, p.occupation,
            p.activity, p.reason, p.urbanisation, p.disability, p.breakdown
        ) COLLATE "C" AS parts -- noqa: RF02
    FROM core.published AS p
    INNER JOIN wanted AS w ON p.indicator = w.indicator
    INNER JOIN ref.area AS a ON p.ref_area = a.code
    INNER JOIN ref.area AS c ON p.counterpart_area = c.code
    WHERE
        p.preferred
        AND p.published_value IS NOT NULL
        AND (p.counterpart_area = '_T' OR NOT w.totals)
)

SELECT
    k.code,
    k.relation,
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
    f.coverage,
    f.residence_criterion,
    o.indicator AS other_indicator,
    o.source AS other_source,
    o.observation_id AS other_observation_id,
    o.published_value AS other_published_value,
    o.unit AS other_unit,
    o.counterpart_basis AS other_counterpart_basis,
    o.concept_basis AS other_concept_basis,
    o.point_in_time AS other_point_in_time,
    o.coverage AS other_coverage,
    o.residence_criterion AS other_residence_criterion,
    d.observation_id AS denominator_observation_id,
    d.source AS denominator_source,
    CASE k.conversion
        WHEN 'none' THEN o.published_value
        WHEN 'per_100000_with_self' THEN o.published_value * 100000 / (d.published_value + o.published_value)
    END AS other_value,
    k.tolerance,
    k.reason_code AS declared_reason,
    k.why,
    NULL AS preferred_source
FROM pairs AS k
INNER JOIN figures AS f ON k.indicator = f.indicator
INNER JOIN figures AS o
    ON
        k.other_indicator = o.indicator
        AND f.parts = o.parts
        AND CASE k.orientation WHEN 'same' THEN f.area ELSE '_T' END = o.area
        AND CASE k.orientation WHEN 'same' THEN f.counterpart ELSE f.area END = o.counterpart
        AND CASE k.matched_by WHEN 'period' THEN f.time_period ELSE f.point_in_time::text END
        = CASE k.matched_by WHEN 'period' THEN o.time_period ELSE o.point_in_time::text END
LEFT JOIN figures AS d
    ON
        k.denominator = d.indicator
        AND f.area = d.area
        AND d.counterpart = '_T'
        AND f.parts = d.parts
        AND f.time_period = d.time_period
WHERE
    f.source <> o.source
    AND (k.orientation = 'same' OR f.counterpart = '_T')
    AND (k.other_concept IS NULL OR o.concept_basis LIKE k.other_concept)
    AND (k.denominator IS NULL OR d.published_value + o.published_value > 0)
    AND (k.conversion <> 'none' OR f.unit = o.unit)
