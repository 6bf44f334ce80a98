-- What the suite `warehouse` judges, for one source.
WITH facts AS (
    SELECT
        o.*,
        s.indicator,
        s.ref_area,
        s.counterpart_area,
        s.series_id IS NULL AS no_series,
        p.snapshot_id
    FROM core.observation AS o
    LEFT JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
    LEFT JOIN core.place AS p ON o.place_id = p.place_id
    WHERE o.source = %(source)s
),

current_facts AS (
    SELECT * FROM facts
    WHERE vintage_to IS NULL
),

repeated AS (
    SELECT 1 FROM current_facts
    GROUP BY series_id, time_id
    HAVING count(*) > 1
),

ranges AS (
    SELECT
        known_from,
        known_to,
        lead(known_from) OVER (PARTITION BY series_id, time_id ORDER BY known_from, known_to) AS next_from
    FROM facts
    WHERE known_to IS NULL OR known_to > known_from
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
        n.slice,
        f.known_from AS at,
        count(*) AS figures
    FROM facts AS f
    INNER JOIN raw.snapshot AS n ON f.snapshot_id = n.snapshot_id
    GROUP BY n.slice, f.known_from
    UNION ALL
    SELECT
        n.slice,
        f.known_to,
        -count(*)
    FROM facts AS f
    INNER JOIN raw.snapshot AS n ON f.snapshot_id = n.snapshot_id
    WHERE f.known_to IS NOT NULL
    GROUP BY n.slice, f.known_to
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
        count(*)::float8
    FROM current_facts
    UNION ALL
    SELECT
        'orphan_series',
        count(*)::float8
    FROM facts
    WHERE no_series
    UNION ALL
    SELECT
        'orphan_area',
        count(*)::float8
    FROM facts AS f
    WHERE
        NOT f.no_series AND NOT EXISTS (
            SELECT 1 FROM ref.area AS a
            WHERE f.ref_area = a.code
        )
    UNION ALL
    SELECT
        'orphan_counterpart_area',
        count(*)::float8
    FROM facts AS f
    WHERE
        NOT f.no_series AND NOT EXISTS (
            SELECT 1 FROM ref.area AS a
            WHERE f.counterpart_area = a.code
        )
    UNION ALL
    SELECT
        'orphan_indicator',
        count(*)::float8
    FROM facts AS f
    WHERE
        NOT f.no_series AND NOT EXISTS (
            SELECT 1 FROM ref.indicator AS i
            WHERE f.indicator = i.code
        )
    UNION ALL
    SELECT
        'orphan_attributes',
        count(*)::float8
    FROM facts AS f
    WHERE
        NOT EXISTS (
            SELECT 1 FROM core.attributes AS a
            WHERE f.attribute_id = a.attribute_id
        )
    UNION ALL
    SELECT
        'duplicate_current_keys',
        count(*)::float8
    FROM repeated
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
    FROM ranges
    WHERE known_to < known_from
    UNION ALL
    SELECT
        'null_status_mismatch',
        count(*)::float8
    FROM facts AS f
    INNER JOIN ref.obs_status AS s ON f.obs_status = s.code
    WHERE (f.value IS NULL AND s.has_value = 'yes') OR (f.value IS NOT NULL AND s.has_value = 'no')
    UNION ALL
    SELECT
        'nonfinite_values',
        count(*)::float8
    FROM facts
    WHERE value IN ('NaN', 'Infinity', '-Infinity')
    UNION ALL
    SELECT
        'facts_without_snapshot',
        count(*)::float8
    FROM facts AS f
    WHERE
        NOT EXISTS (
            SELECT 1 FROM raw.snapshot AS s
            WHERE f.snapshot_id = s.snapshot_id
        )
    UNION ALL
    SELECT
        'facts_without_place',
        count(*)::float8
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
                SELECT count(*) FROM facts AS f
                INNER JOIN raw.snapshot AS n ON f.snapshot_id = n.snapshot_id
                INNER JOIN last_slices AS k ON n.slice = k.slice
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
        count(*)::float8
    FROM bi.fact_observation AS f
    WHERE
        f.source = %(source)s
        AND NOT EXISTS (
            SELECT 1 FROM ops.vintage AS v
            WHERE f.vintage = v.vintage_id
        )
)

SELECT
    measure,
    value,
    'core.observation of ' || %(source)s AS place
FROM measured
