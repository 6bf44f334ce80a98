-- Of each pair how far it is apart, whether that is within what is declared, and why. The reason is the first of this
-- order that holds: declared to count something else, which says why a part is smaller and not why it is larger, or people
-- by another criterion of residence (definition); both say who is a migrant, and differently (basis); both say the day, and
-- another (reference_date); one covers a part (coverage); the coarser figure is rounded, to two digits at least, and the
-- other one lies within half its last digit (rounding); else unexplained. The rank goes by the score, the relative
-- difference times the logarithm of the larger figure: ten times among thousands comes before twice among millions, and
-- both before ten times among ten. What is a part of the other, and not more than it, has no score, nor what is only set
-- side by side.
INSERT INTO core.reconciliation
WITH measured AS (
    SELECT
        c.*,
        c.published_value - c.other_value AS difference,
        CASE
            WHEN c.published_value = c.other_value THEN 0
            ELSE abs(c.published_value - c.other_value) / greatest(abs(c.published_value), abs(c.other_value))
        END AS relative_difference,
        greatest(abs(c.published_value), abs(c.other_value)) AS size
    FROM pg_temp.claim AS c
),

judged AS (
    SELECT
        m.*,
        CASE m.relation
            WHEN 'equal' THEN m.relative_difference <= m.tolerance
            WHEN 'part' THEN m.difference <= m.tolerance * m.size
        END AS within_tolerance,
        CASE
            WHEN m.difference = 0 THEN NULL
            WHEN
                (m.declared_reason = 'definition' AND NOT (m.relation = 'part' AND m.difference > 0))
                OR nullif(m.residence_criterion, '_U') <> nullif(m.other_residence_criterion, '_U')
                THEN 'definition'
            WHEN
                m.concept_basis <> m.other_concept_basis
                AND m.concept_basis NOT IN ('_U', '_Z')
                AND m.other_concept_basis NOT IN ('_U', '_Z')
                THEN 'basis'
            WHEN m.point_in_time <> m.other_point_in_time THEN 'reference_date'
            WHEN (m.coverage IS DISTINCT FROM m.other_coverage) THEN 'coverage'
            WHEN
                core.rounding_step(m.published_value) <= 0.1 * abs(m.published_value)
                AND abs(m.difference) <= 0.5 * core.rounding_step(m.published_value) + 1e-9 * m.size
                THEN 'rounding'
            WHEN
                m.denominator_source IS NULL
                AND core.rounding_step(m.other_value) <= 0.1 * abs(m.other_value)
                AND abs(m.difference) <= 0.5 * core.rounding_step(m.other_value) + 1e-9 * m.size
                THEN 'rounding'
            ELSE 'unexplained'
        END AS reason_code,
        0 < (
            SELECT count(*) FROM ref.source AS s
            WHERE
                s.redistribution <> 'allowed'
                AND s.code IN (m.source, m.other_source, m.denominator_source)
        ) AS restricted
    FROM measured AS m
),

scored AS (
    SELECT
        j.*,
        CASE
            WHEN j.relation = 'equal' OR (j.relation = 'part' AND j.difference > 0)
                THEN j.relative_difference * ln(1 + j.size)
        END AS score
    FROM judged AS j
)

SELECT
    s.comparison,
    s.relation,
    s.indicator,
    s.freq,
    s.ref_area,
    s.subdivision,
    s.counterpart_area,
    s.counterpart_basis,
    s.sex,
    s.age,
    s.migration_status,
    s.education,
    s.labour_status,
    s.occupation,
    s.activity,
    s.reason,
    s.urbanisation,
    s.disability,
    s.breakdown,
    s.time_period,
    s.year,
    s.unit,
    s.source,
    s.observation_id,
    s.published_value,
    s.concept_basis,
    s.point_in_time,
    s.coverage,
    s.other_indicator,
    s.other_source,
    s.other_observation_id,
    s.other_published_value,
    s.other_unit,
    s.other_counterpart_basis,
    s.other_concept_basis,
    s.other_point_in_time,
    s.other_coverage,
    s.denominator_observation_id,
    s.other_value,
    s.difference,
    s.published_value / nullif(s.other_value, 0) AS ratio,
    s.relative_difference,
    s.tolerance,
    s.within_tolerance,
    s.reason_code,
    s.why AS explanation,
    s.preferred_source,
    s.score,
    row_number() OVER (
        PARTITION BY s.comparison, s.indicator, s.restricted
        ORDER BY s.score DESC NULLS LAST, s.observation_id ASC, s.other_observation_id ASC
    ) AS rank,
    s.restricted
FROM scored AS s
