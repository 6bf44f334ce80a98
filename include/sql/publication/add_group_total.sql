-- Sums of countries to groups, never quietly smaller: a sum with a member missing has no value. A former state that has a
-- figure stands for its parts; one that has none, or lies in two groups, is missing unless all its parts are told.
WITH told AS (
    SELECT DISTINCT
        c.cell,
        a.whole
    FROM pg_temp.group_cell AS c
    INNER JOIN pg_temp.group_figure AS f
        ON
            c.indicator = f.indicator AND c.time_period = f.time_period AND c.sex = f.sex AND c.age = f.age
            AND c.freq = f.freq
    INNER JOIN ref.area_part AS a ON f.ref_area = a.part
    WHERE f.status_rank BETWEEN 10 AND 29
),

-- of an area that is others together: whether it has a figure of its own, and whether its parts are told: all of those in
-- the group, and at least one of them, in any group, with a figure
wholes AS (
    SELECT
        w.cell,
        w.member AS whole,
        w.is_whole AND w.status_rank BETWEEN 10 AND 29 AS has_figure,
        bool_and(p.is_told) AND t.whole IS NOT NULL AS is_told_by_parts
    FROM pg_temp.group_member AS w
    INNER JOIN ref.area_part AS a ON w.member = a.whole
    INNER JOIN pg_temp.group_member AS p ON w.cell = p.cell AND a.part = p.member
    LEFT JOIN told AS t ON w.cell = t.cell AND w.member = t.whole
    GROUP BY w.cell, w.member, w.is_whole, w.status_rank, t.whole
),

stood_for AS (
    SELECT DISTINCT
        w.cell,
        a.part
    FROM wholes AS w
    INNER JOIN ref.area_part AS a ON w.whole = a.whole
    WHERE w.has_figure
),

parts AS (
    SELECT
        l.cell,
        l.member,
        l.source,
        l.counterpart_basis,
        l.concept_basis,
        l.published_value,
        CASE
            WHEN s.part IS NOT NULL THEN 0
            WHEN NOT w.has_figure AND w.is_told_by_parts THEN 0
            WHEN NOT l.is_whole AND l.status_rank BETWEEN 10 AND 29 THEN 40
            ELSE l.status_rank
        END AS status_rank
    FROM pg_temp.group_member AS l
    LEFT JOIN wholes AS w ON l.cell = w.cell AND l.member = w.whole
    LEFT JOIN stood_for AS s ON l.cell = s.cell AND l.member = s.part
),

totals AS (
    SELECT
        cell,
        max(status_rank) AS status_rank,
        sum(published_value) FILTER (WHERE status_rank BETWEEN 10 AND 29) AS known_value,
        (count(*) FILTER (WHERE status_rank >= 10))::integer AS members,
        (count(*) FILTER (WHERE status_rank >= 30))::integer AS members_missing,
        string_agg(member, ', ' ORDER BY member) FILTER (WHERE status_rank >= 30) AS missing,
        string_agg(DISTINCT source, ', ' ORDER BY source) AS sources,
        CASE WHEN min(counterpart_basis) = max(counterpart_basis) THEN min(counterpart_basis) ELSE '_Z' END
            AS counterpart_basis,
        bi.comparability(concept_basis, CASE WHEN status_rank BETWEEN 10 AND 29 THEN published_value END)
            AS comparability
    FROM parts
    WHERE status_rank > 0
    GROUP BY cell
)

INSERT INTO core.group_total (
    group_area, indicator, freq, counterpart_basis, sex, age, time_period, year, unit, value, obs_status,
    missing_reason, known_value, published_value, members, members_missing, missing, coverage, comparability, sources
)
SELECT
    c.group_area,
    c.indicator,
    c.freq,
    t.counterpart_basis,
    c.sex,
    c.age,
    c.time_period,
    c.year,
    c.unit,
    CASE WHEN t.members_missing = 0 THEN t.known_value END,
    bi.status_of_rank(t.status_rank),
    bi.reason_of_rank(t.status_rank),
    t.known_value,
    g.published_value,
    t.members,
    t.members_missing,
    t.missing,
    (t.members - t.members_missing)::double precision / nullif(t.members, 0),
    t.comparability,
    t.sources
FROM totals AS t
INNER JOIN pg_temp.group_cell AS c ON t.cell = c.cell
LEFT JOIN pg_temp.group_figure AS g
    ON
        c.group_area = g.ref_area AND c.indicator = g.indicator AND c.time_period = g.time_period
        AND c.sex = g.sex AND c.age = g.age AND c.freq = g.freq
WHERE t.sources IS NOT NULL
