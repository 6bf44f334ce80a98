-- Which figures SUM(value) counts. A cell is one indicator in one area and period. In each cell one source counts (the
-- preferred one, ref.source_preference), and of that source one pattern of breakdowns: the finest whose figures add up
-- to the published total (within 0.5 %% or 10), else the total itself. Groups of areas never count.
WITH eligible AS (
    SELECT
        p.observation_id,
        p.source,
        p.indicator,
        p.ref_area,
        p.time_period,
        p.published_value,
        CASE WHEN p.counterpart_area = '_T' THEN '' ELSE 'counterpart:' || p.counterpart_basis || ' ' END
        || CASE WHEN p.subdivision = '_T' THEN '' ELSE 'subdivision ' END
        || CASE WHEN p.sex = '_T' THEN '' ELSE 'sex ' END
        || CASE WHEN p.age = '_T' THEN '' ELSE 'age ' END
        || CASE WHEN p.migration_status = '_T' THEN '' ELSE 'migration_status ' END
        || CASE WHEN p.education = '_T' THEN '' ELSE 'education ' END
        || CASE WHEN p.labour_status = '_T' THEN '' ELSE 'labour_status ' END
        || CASE WHEN p.occupation = '_T' THEN '' ELSE 'occupation ' END
        || CASE WHEN p.activity = '_T' THEN '' ELSE 'activity ' END
        || CASE WHEN p.reason = '_T' THEN '' ELSE 'reason ' END
        || CASE WHEN p.urbanisation = '_T' THEN '' ELSE 'urbanisation ' END
        || CASE WHEN p.disability = '_T' THEN '' ELSE 'disability ' END
        || CASE WHEN p.breakdown = '_T' THEN '' ELSE 'breakdown ' END AS pattern,
        -- the same total under two bases (by citizenship, by birth) counts once
        row_number() OVER (
            PARTITION BY
                p.source, p.indicator, p.ref_area, p.subdivision, p.counterpart_area,
                CASE WHEN p.counterpart_area = '_T' THEN '' ELSE p.counterpart_basis END, p.sex, p.age,
                p.migration_status, p.education, p.labour_status, p.occupation, p.activity, p.reason, p.urbanisation,
                p.disability, p.breakdown, p.time_period
            ORDER BY p.counterpart_basis, p.observation_id
        ) AS copy
    FROM pg_temp.published AS p
    INNER JOIN ref.area AS a ON p.ref_area = a.code
    INNER JOIN ref.area AS c ON p.counterpart_area = c.code
    WHERE
        p.published_value IS NOT NULL
        AND a.kind IN ('country', 'territory', 'historical')
        AND c.kind <> 'group'
),

single AS (
    SELECT * FROM eligible
    WHERE copy = 1
),

patterns AS (
    SELECT
        e.source,
        e.indicator,
        e.ref_area,
        e.time_period,
        e.pattern,
        sum(e.published_value) AS total,
        count(*) AS figures,
        array_length(string_to_array(e.pattern, ' '), 1) AS depth
    FROM single AS e
    GROUP BY e.source, e.indicator, e.ref_area, e.time_period, e.pattern
),

coherent AS (
    SELECT
        p.*,
        t.total IS NOT NULL AS has_total,
        u.unit IN ('PS', 'USD')
        AND abs(p.total - t.total) <= greatest(10, abs(t.total) * 0.005) AS adds_up
    FROM patterns AS p
    INNER JOIN (SELECT
        code AS indicator,
        unit
    FROM ref.indicator) AS u ON p.indicator = u.indicator
    LEFT JOIN patterns AS t
        ON
            p.source = t.source AND p.indicator = t.indicator AND p.ref_area = t.ref_area
            AND p.time_period = t.time_period AND t.pattern = ''
),

chosen AS (
    SELECT DISTINCT ON (c.indicator, c.ref_area, c.time_period)
        c.source,
        c.indicator,
        c.ref_area,
        c.time_period,
        c.pattern
    FROM coherent AS c
    LEFT JOIN ref.source_preference AS f ON c.indicator = f.code
    WHERE c.pattern = '' OR c.adds_up OR NOT c.has_total
    ORDER BY
        c.indicator ASC,
        c.ref_area ASC,
        c.time_period ASC,
        coalesce(array_position(string_to_array(f.sources, '|'), c.source), 999) ASC,
        c.source ASC,
        CASE WHEN c.adds_up THEN c.depth ELSE -coalesce(c.depth, 0) - 1 END DESC NULLS LAST,
        c.figures DESC,
        c.pattern ASC
)

UPDATE pg_temp.published AS p
SET value = p.published_value, is_total = FALSE
FROM single AS e
INNER JOIN chosen AS c
    ON
        e.source = c.source AND e.indicator = c.indicator AND e.ref_area = c.ref_area
        AND e.time_period = c.time_period AND e.pattern = c.pattern
WHERE p.observation_id = e.observation_id
