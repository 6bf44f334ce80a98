-- Which figures SUM(value) counts. A cell is one indicator in one area and year. In each cell one source counts (the
-- preferred one, ref.source_preference) in one frequency (the year before its quarters; of a stock one day), and of it
-- one pattern of breakdowns: the finest whose parts are all there, overlap nowhere and add up to the published total
-- (each part may be off by half a unit), else the total itself; provinces and districts are two patterns. A source that
-- has no total, and of whose parts one has no figure, counts only where no other has the whole. Without a published total
-- that they add up to, nothing counts of parts that may overlap (by scheme:code: instances of asylum, variants of a
-- projection; codes beside one that holds them, pg_temp.code_inside), nor of parts that are alone (women, migrants, ages
-- that end or leave a hole); a part without a figure is none. A total that is suppressed keeps its place in the order of
-- sources, and nothing counts in its stead. A source that may not be passed on counts where no other
-- source has a figure, so that what readers of bi see is a whole without it. Groups of areas, shares and rates never
-- count, nor does what the catalogue adds up over no dimension (an average in dollars); parts count only over what it adds
-- up.
WITH figures AS (
    SELECT
        p.observation_id,
        p.source,
        p.indicator,
        p.ref_area,
        p.year,
        p.time_period,
        p.published_value,
        p.obs_status,
        CASE p.freq WHEN 'A' THEN 1 WHEN 'S' THEN 2 WHEN 'Q' THEN 3 ELSE 4 END AS fineness,
        i.stock_or_flow = 'stock' AS is_stock,
        CASE WHEN p.counterpart_area = '_T' THEN '' ELSE 'counterpart:' || p.counterpart_basis || ' ' END
        || CASE WHEN p.subdivision = '_T' THEN '' ELSE 'subdivision:' || coalesce(u.level::text, '') || ' ' END
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
        p.sex,
        p.age,
        p.migration_status,
        p.education,
        p.labour_status,
        p.urbanisation,
        p.disability,
        -- what each part that is there lies in, or is; unknown sex beside women is no second part
        CASE WHEN h.is_there THEN nullif(p.sex, '_U') END AS of_sex,
        CASE WHEN h.is_there THEN nullif(coalesce(m.whole, p.migration_status), '_U') END AS of_migration_status,
        CASE WHEN h.is_there THEN nullif(coalesce(e.whole, p.education), '_U') END AS of_education,
        CASE WHEN h.is_there THEN nullif(coalesce(l.whole, p.labour_status), '_U') END AS of_labour_status,
        CASE WHEN h.is_there THEN nullif(p.urbanisation, '_U') END AS of_urbanisation,
        CASE WHEN h.is_there THEN nullif(p.disability, '_U') END AS of_disability,
        CASE WHEN h.is_there AND p.age <> '_T' THEN int4range(g.min_age, coalesce(g.max_age, 999) + 1) END AS years,
        -- the whole, and whether the code is in it or is it
        m.whole AS whole_migration_status,
        m.whole || m.is_inside AS side_migration_status,
        e.whole AS whole_education,
        e.whole || e.is_inside AS side_education,
        l.whole AS whole_labour_status,
        l.whole || l.is_inside AS side_labour_status,
        r.whole AS whole_reason,
        r.whole || r.is_inside AS side_reason,
        -- the same total under two bases (by citizenship, by birth) counts once
        row_number() OVER (
            PARTITION BY
                p.source, p.indicator, p.ref_area, p.subdivision, p.counterpart_area,
                CASE WHEN p.counterpart_area = '_T' THEN '' ELSE p.counterpart_basis END, p.sex, p.age,
                p.migration_status, p.education, p.labour_status, p.occupation, p.activity, p.reason, p.urbanisation,
                p.disability, p.breakdown, p.time_period
            ORDER BY p.counterpart_basis, p.observation_id
        ) AS copy,
        coalesce(u.level, 0) AS level,
        g.min_age,
        coalesce(g.max_age, 999) AS max_age,
        k.code IS NULL OR k.aggregation_counterpart = 'sum' AS adds_counterparts,
        k.code IS NULL OR k.aggregation_time = 'sum' AS adds_periods,
        k.code IS NULL OR k.aggregation_breakdown = 'sum' AS adds_breakdowns,
        -- how far the bands that begin before this one, or with it and end later, reach
        max(coalesce(g.max_age, 999)) FILTER (WHERE g.min_age IS NOT NULL AND p.age <> '_T') OVER (
            PARTITION BY
                p.source, p.indicator, p.ref_area, p.subdivision, p.counterpart_area, p.counterpart_basis, p.sex,
                p.migration_status, p.education, p.labour_status, p.occupation, p.activity, p.reason, p.urbanisation,
                p.disability, p.breakdown, p.time_period, p.age = '_T'
            ORDER BY g.min_age ASC NULLS FIRST, coalesce(g.max_age, 999) DESC, p.age ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM pg_temp.published AS p
    INNER JOIN ref.indicator AS i ON p.indicator = i.code
    INNER JOIN ref.area AS a ON p.ref_area = a.code
    INNER JOIN ref.area AS c ON p.counterpart_area = c.code
    INNER JOIN ref.subdivision AS u ON p.subdivision = u.code
    LEFT JOIN ref.age AS g ON p.age = g.code
    LEFT JOIN ref.indicator_catalogue AS k ON p.indicator = k.code
    LEFT JOIN pg_temp.code_inside AS m ON p.migration_status = m.code AND m.dimension = 'migration_status'
    LEFT JOIN pg_temp.code_inside AS e ON p.education = e.code AND e.dimension = 'education'
    LEFT JOIN pg_temp.code_inside AS l ON p.labour_status = l.code AND l.dimension = 'labour_status'
    LEFT JOIN pg_temp.code_inside AS r ON p.reason = r.code AND r.dimension = 'reason'
    -- what is not applicable, or did not exist, is no part that is missing
    CROSS JOIN LATERAL (SELECT p.published_value IS NOT NULL OR p.obs_status = 'M' AS is_there) AS h
    WHERE
        p.unit = any(%(counted)s)
        AND (
            k.code IS NULL
            OR 'sum' IN (k.aggregation_area, k.aggregation_counterpart, k.aggregation_time, k.aggregation_breakdown)
        )
        AND a.kind IN ('country', 'territory', 'historical')
        AND c.kind <> 'group'
),

-- a band that lies in another one is told by that one
parts AS (
    SELECT
        *,
        min_age IS NOT NULL AND reached IS NOT NULL AND reached >= min_age AS crosses,
        min(fineness) FILTER (WHERE published_value IS NOT NULL) OVER w AS best_fineness,
        max(time_period) FILTER (WHERE published_value IS NOT NULL AND is_stock) OVER (
            PARTITION BY source, indicator, ref_area, year, fineness
        ) AS last_period
    FROM figures
    WHERE copy = 1 AND (pattern NOT LIKE '%%age %%' OR min_age IS NULL OR reached IS NULL OR reached < max_age)
    WINDOW w AS (PARTITION BY source, indicator, ref_area, year)
),

single AS (
    SELECT * FROM parts
    WHERE fineness = best_fineness AND (NOT is_stock OR time_period = last_period)
),

patterns AS (
    SELECT
        source,
        indicator,
        ref_area,
        year,
        time_period,
        pattern,
        sum(published_value) AS total,
        count(published_value) AS figures,
        count(*) AS cells,
        bool_or(published_value IS NULL AND obs_status <> 'M') AS has_gap,
        bool_or(crosses) AS crosses,
        (min(sex) <> '_T' AND min(of_sex) IS NOT DISTINCT FROM max(of_sex))
        OR (min(migration_status) <> '_T' AND min(of_migration_status) IS NOT DISTINCT FROM max(of_migration_status))
        OR (min(education) <> '_T' AND min(of_education) IS NOT DISTINCT FROM max(of_education))
        OR (min(labour_status) <> '_T' AND min(of_labour_status) IS NOT DISTINCT FROM max(of_labour_status))
        OR (min(urbanisation) <> '_T' AND min(of_urbanisation) IS NOT DISTINCT FROM max(of_urbanisation))
        OR (min(disability) <> '_T' AND min(of_disability) IS NOT DISTINCT FROM max(of_disability))
        -- ages that end, begin after the first band, or leave a hole
        OR coalesce(
            upper(range_agg(years)) <= 999 OR lower(range_agg(years)) > min(min_age)
            OR range_agg(years) <> int4multirange(range_merge(range_agg(years))),
            FALSE
        ) AS is_part,
        -- codes stand beside the one that holds them
        count(DISTINCT side_migration_status) > count(DISTINCT whole_migration_status)
        OR count(DISTINCT side_education) > count(DISTINCT whole_education)
        OR count(DISTINCT side_labour_status) > count(DISTINCT whole_labour_status)
        OR count(DISTINCT side_reason) > count(DISTINCT whole_reason) AS is_nested,
        bool_and(
            (adds_counterparts OR pattern NOT LIKE '%%counterpart:%%')
            AND (adds_breakdowns OR pattern !~ '(^| )(?!counterpart|subdivision)[a-z_]+ ')
            AND (adds_periods OR is_stock OR fineness = 1)
        ) AS may_be_added,
        min(fineness) AS fineness,
        bool_and(is_stock) AS is_stock,
        max(level) AS level,
        array_length(string_to_array(pattern, ' '), 1) AS depth
    FROM single
    GROUP BY source, indicator, ref_area, year, time_period, pattern
),

coherent AS (
    SELECT
        p.*,
        t.total IS NOT NULL AS has_total,
        abs(p.total - t.total) <= CASE WHEN p.figures = p.cells THEN 0.5 * (p.figures + 1) ELSE 0.5 END AS adds_up
    FROM patterns AS p
    LEFT JOIN patterns AS t
        ON
            p.source = t.source AND p.indicator = t.indicator AND p.ref_area = t.ref_area
            AND p.time_period = t.time_period AND t.pattern = ''
    WHERE p.figures > 0 AND p.may_be_added AND NOT p.crosses
),

usable AS (
    SELECT
        c.*,
        ref.place_of(c.source, f.sources) AS preference,
        s.redistribution <> 'allowed' AS restricted
    FROM coherent AS c
    INNER JOIN ref.source AS s ON c.source = s.code
    LEFT JOIN ref.source_preference AS f ON c.indicator = f.code
    WHERE
        c.pattern = '' OR c.adds_up
        OR (NOT c.has_total AND NOT c.is_part AND NOT c.is_nested AND c.pattern NOT LIKE '%%breakdown %%')
),

-- what counts of each source, if that source does
chosen AS (
    SELECT DISTINCT ON (u.source, u.indicator, u.ref_area, u.time_period)
        u.source,
        u.indicator,
        u.ref_area,
        u.year,
        u.time_period,
        u.pattern,
        u.fineness,
        u.is_stock,
        u.preference,
        u.restricted,
        u.pattern = '' OR coalesce(u.adds_up, FALSE) AS is_whole,
        u.has_gap AND u.pattern <> '' AND NOT coalesce(u.adds_up, FALSE) AS lacks_part
    FROM usable AS u
    ORDER BY
        u.source ASC,
        u.indicator ASC,
        u.ref_area ASC,
        u.time_period ASC,
        -- without a total, a breakdown with a gap counts only where none is whole
        u.has_gap AND NOT coalesce(u.adds_up, FALSE) ASC,
        CASE WHEN u.adds_up THEN u.depth ELSE -coalesce(u.depth, 0) - 1 END DESC NULLS LAST,
        -- without a total nobody knows whether all districts are there; of provinces a reader would see it
        CASE WHEN u.adds_up THEN u.level ELSE -u.level END DESC,
        u.figures DESC,
        u.pattern ASC
),

-- a source has the year as a whole where each of its periods is one, and none of them is missing
of_source AS (
    SELECT
        indicator,
        ref_area,
        year,
        source,
        preference,
        restricted,
        bool_or(lacks_part) AS lacks_part,
        bool_or(bool_and(is_whole) AND (
            bool_and(is_stock)
            OR count(*) >= CASE min(fineness) WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 4 ELSE 12 END
        )) OVER (PARTITION BY indicator, ref_area, year, restricted) AS there_is_a_whole
    FROM chosen
    GROUP BY indicator, ref_area, year, source, preference, restricted
),

-- a total that is suppressed is no gap that another source fills: where its source is the first, nothing counts
withheld AS (
    SELECT DISTINCT
        p.indicator,
        p.ref_area,
        p.year,
        p.source,
        ref.place_of(p.source, f.sources) AS preference,
        s.redistribution <> 'allowed' AS restricted
    FROM pg_temp.published AS p
    INNER JOIN ref.source AS s ON p.source = s.code
    INNER JOIN ref.indicator AS i ON p.indicator = i.code
    LEFT JOIN ref.source_preference AS f ON p.indicator = f.code
    WHERE
        p.published_value IS NULL AND p.obs_status = 'Q' AND (i.stock_or_flow = 'stock' OR p.freq = 'A')
        AND p.counterpart_area = '_T' AND p.subdivision = '_T' AND p.sex = '_T' AND p.age = '_T'
        AND p.migration_status = '_T' AND p.education = '_T' AND p.labour_status = '_T' AND p.occupation = '_T'
        AND p.activity = '_T' AND p.reason = '_T' AND p.urbanisation = '_T' AND p.disability = '_T'
        AND p.breakdown = '_T'
        AND NOT EXISTS (
            SELECT FROM of_source AS o
            WHERE o.source = p.source AND o.indicator = p.indicator AND o.ref_area = p.ref_area AND o.year = p.year
        )
),

first_source AS (
    SELECT DISTINCT ON (indicator, ref_area, year)
        indicator,
        ref_area,
        year,
        source
    FROM (
        SELECT
            indicator,
            ref_area,
            year,
            source,
            preference,
            restricted,
            lacks_part AND there_is_a_whole AS comes_last
        FROM of_source
        UNION ALL
        SELECT
            indicator,
            ref_area,
            year,
            source,
            preference,
            restricted,
            FALSE AS comes_last
        FROM withheld
    ) AS every
    ORDER BY
        indicator ASC,
        ref_area ASC,
        year ASC,
        restricted ASC,
        comes_last ASC,
        preference ASC,
        source ASC
)

UPDATE pg_temp.published AS p
SET value = p.published_value, is_total = FALSE
FROM single AS e
INNER JOIN chosen AS c
    ON
        e.source = c.source AND e.indicator = c.indicator AND e.ref_area = c.ref_area
        AND e.time_period = c.time_period AND e.pattern = c.pattern
INNER JOIN first_source AS l
    ON
        c.indicator = l.indicator AND c.ref_area = l.ref_area AND c.year = l.year AND c.source = l.source
WHERE p.observation_id = e.observation_id AND e.published_value IS NOT NULL
