-- Which figure bi.fact_observation shows where several sources have one for a cell (all dimensions and the period; a
-- total over all counterparts is the same under every basis). One that SUM(value) counts comes first, a figure before
-- none, then the declared order (ref.source_preference), published figures before ours, then the name. What is suppressed
-- is no gap that another source fills: it keeps its place. A source that may not be passed on comes after those that
-- may. Alone in its cell a figure is preferred as it is staged.
WITH contested AS (
    SELECT indicator
    FROM pg_temp.published
    GROUP BY indicator
    HAVING
        count(DISTINCT source) > 1
        OR count(DISTINCT counterpart_basis) FILTER (WHERE counterpart_area = '_T') > 1
),

claims AS (
    SELECT
        p.*,
        s.redistribution <> 'allowed' AS is_restricted,
        p.published_value IS NULL AND p.obs_status <> 'Q' AS is_empty,
        p.value IS NULL AS is_uncounted,
        ref.place_of(p.source, f.sources) AS rank,
        p.method <> 'published' AS is_ours
    FROM pg_temp.published AS p
    INNER JOIN contested AS c ON p.indicator = c.indicator
    INNER JOIN ref.source AS s ON p.source = s.code
    LEFT JOIN ref.source_preference AS f ON p.indicator = f.code
),

-- each with the next of its cell: what sets the first apart from the second is why it is preferred
ranked AS (
    SELECT
        observation_id,
        row_number() OVER w AS place,
        source,
        is_restricted,
        is_empty,
        is_uncounted,
        rank,
        is_ours,
        lead(source) OVER w AS next_source,
        lead(is_restricted) OVER w AS next_is_restricted,
        lead(is_empty) OVER w AS next_is_empty,
        lead(is_uncounted) OVER w AS next_is_uncounted,
        lead(rank) OVER w AS next_rank,
        lead(is_ours) OVER w AS next_is_ours
    FROM claims
    WINDOW w AS (
        PARTITION BY
            indicator, ref_area, time_period, counterpart_area,
            CASE WHEN counterpart_area = '_T' THEN '' ELSE counterpart_basis END, sex, age, subdivision,
            migration_status, education, labour_status, occupation, activity, reason, urbanisation, disability,
            breakdown, unit
        ORDER BY
            is_restricted ASC, is_uncounted ASC, is_empty ASC, rank ASC, is_ours ASC, source ASC,
            counterpart_basis ASC, observation_id ASC
    )
)

UPDATE pg_temp.published AS p
SET
    preferred = r.place = 1,
    why_preferred = CASE
        WHEN r.place > 1 THEN NULL
        -- nobody is told of a source that may not be passed on
        WHEN r.next_source IS NULL OR r.next_is_restricted > r.is_restricted THEN 'only_source'
        WHEN r.next_source <> r.source AND r.rank < r.next_rank THEN 'declared'
        WHEN r.next_is_empty > r.is_empty THEN 'only_figure'
        WHEN r.next_source = r.source THEN 'first_basis'
        WHEN r.next_is_uncounted > r.is_uncounted AND r.rank > r.next_rank THEN 'counted'
        WHEN r.next_is_ours > r.is_ours THEN 'published_first'
        WHEN r.next_is_uncounted > r.is_uncounted THEN 'counted'
        ELSE 'first_by_name'
    END
FROM ranked AS r
WHERE p.observation_id = r.observation_id AND (r.place > 1 OR r.next_source IS NOT NULL)
