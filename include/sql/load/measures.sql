-- What the suite `warehouse` judges, for one source. The facts are counted as they are read, once by where they come from
-- and since when they are known, once by series; key by key only where there may be more than one of a key.
WITH counted AS MATERIALIZED (
    SELECT
        place_id,
        attribute_id,
        known_from,
        known_to,
        vintage_to IS NULL AS is_current,
        obs_status,
        value IS NULL AS is_missing,
        value IN ('NaN', 'Infinity', '-Infinity') AS is_endless,
        count(*) AS figures
    FROM core.observation
    WHERE source = %(source)s
    GROUP BY
        place_id, attribute_id, known_from, known_to, (vintage_to IS NULL), obs_status, (value IS NULL),
        (value IN ('NaN', 'Infinity', '-Infinity'))
),

facts AS MATERIALIZED (
    SELECT
        c.*,
        p.snapshot_id,
        n.slice,
        n.snapshot_id IS NULL AS no_snapshot
    FROM counted AS c
    LEFT JOIN core.place AS p ON c.place_id = p.place_id
    LEFT JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
),

per_series AS MATERIALIZED (
    SELECT
        o.figures,
        s.series_id IS NULL AS no_series,
        s.ref_area,
        s.counterpart_area,
        s.indicator
    FROM (
        SELECT
            series_id,
            count(*) AS figures
        FROM core.observation
        WHERE source = %(source)s
        GROUP BY series_id
    ) AS o
    LEFT JOIN core.series AS s ON s.source = %(source)s AND o.series_id = s.series_id
),

-- while the index stands that holds one current fact for each key, there are no two
unique_index AS (
    SELECT 1 FROM pg_catalog.pg_index
    WHERE
        indrelid = to_regclass('core.observation_' || %(source)s) AND indisunique AND indisvalid
        AND pg_get_indexdef(indexrelid) LIKE '%%(series_id, time_id, source) WHERE (known_to IS NULL)'
),

repeated AS (
    SELECT 1 FROM core.observation
    WHERE source = %(source)s AND known_to IS NULL
    GROUP BY series_id, time_id
    HAVING count(*) > 1
),

-- a key has more than one range only where one of them has ended
ended AS MATERIALIZED (
    SELECT
        series_id,
        time_id,
        known_from,
        known_to
    FROM core.observation
    WHERE source = %(source)s AND known_to IS NOT NULL
),

ranges AS (
    SELECT
        known_from,
        known_to,
        lead(known_from) OVER (PARTITION BY series_id, time_id ORDER BY known_from, known_to) AS next_from
    FROM (
        SELECT * FROM ended
        WHERE known_to > known_from
        UNION ALL
        SELECT
            o.series_id,
            o.time_id,
            o.known_from,
            o.known_to
        FROM core.observation AS o
        INNER JOIN (
            SELECT
                series_id,
                time_id
            FROM ended
            GROUP BY series_id, time_id
        ) AS e
            ON o.series_id = e.series_id AND o.time_id = e.time_id
        WHERE o.source = %(source)s AND o.known_to IS NULL
    ) AS every
),

last_load AS (
    SELECT load_id FROM ops.load
    WHERE source = %(source)s
    ORDER BY finished_at DESC
    LIMIT 1
),

-- the moment on the clock of the publisher that the last load tells of: an older release may come late
last_slices AS (
    SELECT
        n.slice,
        max(t.released_at) AS released_at
    FROM last_load AS l
    INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
    INNER JOIN raw.snapshot AS n ON b.snapshot_id = n.snapshot_id
    INNER JOIN ops.slice_state AS t ON n.source = t.source AND n.slice = t.slice AND n.release = t.release
    GROUP BY n.slice
),

-- how many figures begin and end to be known, slice by slice: their running sum is what is known at a moment
turns AS (
    SELECT
        slice,
        known_from AS at,
        sum(figures) AS figures
    FROM facts
    GROUP BY slice, known_from
    UNION ALL
    SELECT
        slice,
        known_to,
        -sum(figures)
    FROM facts
    WHERE known_to IS NOT NULL
    GROUP BY slice, known_to
),

states AS (
    SELECT
        s.slice,
        s.released_at,
        s.figures - coalesce((
            SELECT sum(t.figures) FROM turns AS t
            WHERE t.slice = s.slice AND t.at <= s.released_at
        ), 0) AS difference
    FROM ops.slice_state AS s
    WHERE s.source = %(source)s AND s.figures IS NOT NULL
),

measured (measure, value) AS (
    SELECT
        'facts_current',
        coalesce(sum(figures), 0)::float8
    FROM facts
    WHERE is_current
    UNION ALL
    SELECT
        'orphan_series',
        coalesce(sum(figures), 0)::float8
    FROM per_series
    WHERE no_series
    UNION ALL
    SELECT
        'orphan_area',
        coalesce(sum(figures), 0)::float8
    FROM per_series
    WHERE NOT no_series AND ref_area NOT IN (SELECT a.code FROM ref.area AS a)
    UNION ALL
    SELECT
        'orphan_counterpart_area',
        coalesce(sum(figures), 0)::float8
    FROM per_series
    WHERE NOT no_series AND counterpart_area NOT IN (SELECT a.code FROM ref.area AS a)
    UNION ALL
    SELECT
        'orphan_indicator',
        coalesce(sum(figures), 0)::float8
    FROM per_series
    WHERE NOT no_series AND indicator NOT IN (SELECT i.code FROM ref.indicator AS i)
    UNION ALL
    SELECT
        'orphan_attributes',
        coalesce(sum(figures), 0)::float8
    FROM facts
    WHERE attribute_id NOT IN (SELECT a.attribute_id FROM core.attributes AS a)
    UNION ALL
    SELECT
        'duplicate_current_keys',
        CASE WHEN EXISTS (SELECT 1 FROM unique_index) THEN 0 ELSE (SELECT count(*) FROM repeated) END::float8
    UNION ALL
    SELECT
        'known_ranges_overlap',
        count(*)::float8
    FROM ranges
    WHERE next_from IS NOT NULL AND (known_to IS NULL OR known_to > next_from)
    UNION ALL
    SELECT
        'known_ranges_reversed',
        count(*)::float8
    FROM ended
    WHERE known_to < known_from
    UNION ALL
    SELECT
        'null_status_mismatch',
        coalesce(sum(f.figures), 0)::float8
    FROM facts AS f
    INNER JOIN ref.obs_status AS s ON f.obs_status = s.code
    WHERE (f.is_missing AND s.has_value = 'yes') OR (NOT f.is_missing AND s.has_value = 'no')
    UNION ALL
    SELECT
        'nonfinite_values',
        coalesce(sum(figures), 0)::float8
    FROM facts
    WHERE is_endless
    UNION ALL
    SELECT
        'facts_without_snapshot',
        coalesce(sum(figures), 0)::float8
    FROM facts
    WHERE no_snapshot
    UNION ALL
    SELECT
        'facts_without_place',
        coalesce(sum(figures), 0)::float8
    FROM facts
    WHERE snapshot_id IS NULL
    UNION ALL
    SELECT
        'balance_difference',
        coalesce(sum(abs(difference)), 0)::float8
    FROM ops.balance
    WHERE source = %(source)s
    UNION ALL
    SELECT
        'candidate_minus_current',
        (
            coalesce((
                SELECT sum(b.loaded + b.unchanged) FROM ops.load_snapshot AS b
                INNER JOIN last_load AS l ON b.load_id = l.load_id
            ), 0)
            - (
                SELECT coalesce(sum(f.figures), 0) FROM facts AS f
                INNER JOIN last_slices AS k ON f.slice = k.slice
                WHERE f.known_from <= k.released_at AND (f.known_to IS NULL OR f.known_to > k.released_at)
            )
        )::float8
    UNION ALL
    SELECT
        'states_minus_known',
        coalesce(sum(abs(difference)), 0)::float8
    FROM states
    UNION ALL
    SELECT
        'published_minus_current',
        coalesce(sum(f.figures), 0)::float8
    FROM (
        SELECT
            vintage,
            count(*) AS figures
        FROM core.published
        WHERE source = %(source)s
        GROUP BY vintage
    ) AS f
    WHERE f.vintage NOT IN (SELECT v.vintage_id FROM ops.vintage AS v)
)

SELECT
    measure,
    value,
    'core.observation of ' || %(source)s AS place
FROM measured
