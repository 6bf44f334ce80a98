-- Content of core and bi, whatever the order of rows, the numbers that the database gave, or the time of loading.
WITH contents (name, content) AS (
    SELECT
        'core.series',
        s::text
    FROM core.series AS s
    UNION ALL
    SELECT
        'core.attributes',
        a::text
    FROM core.attributes AS a
    UNION ALL
    SELECT
        'core.observation',
        row(
            o.source, o.series_id, o.time_id, o.value, o.obs_status, o.attribute_id, n.sha256, p.template,
            o.place_row, o.raw, v.release, w.release, o.end_reason
        )::text
    FROM core.observation AS o
    INNER JOIN core.place AS p ON o.place_id = p.place_id
    INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
    INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
    LEFT JOIN ops.vintage AS w ON o.vintage_to = w.vintage_id
    UNION ALL
    SELECT
        'core.superseded',
        row(
            s.source, s.series_id, s.time_id, s.value, s.obs_status, s.attribute_id, n.sha256, p.template,
            s.place_row, s.raw, v.release, w.release, s.end_reason
        )::text
    FROM core.superseded AS s
    INNER JOIN core.place AS p ON s.place_id = p.place_id
    INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
    INNER JOIN ops.vintage AS v ON s.vintage_from = v.vintage_id
    LEFT JOIN ops.vintage AS w ON s.vintage_to = w.vintage_id
    UNION ALL
    SELECT
        'core.override',
        row(o.source, o.series_id, o.time_id, o.override_id, o.published, o.corrected, v.release)::text
    FROM core.override AS o
    INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
    UNION ALL
    SELECT
        'core.place',
        row(n.source, n.slice, n.release, n.sha256, p.template)::text
    FROM core.place AS p
    INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
    UNION ALL
    SELECT
        'bi.observation_all',
        (to_jsonb(f) - 'vintage' - 'disclosure')::text
    FROM bi.observation_all AS f
    UNION ALL
    SELECT
        'core.restricted',
        (to_jsonb(f) - 'vintage' - 'disclosure')::text
    FROM core.restricted AS f
    UNION ALL
    SELECT
        'core.suppressed',
        row(s.observation_id, v.release, s.kind, s.told, s.conf_status, s.shown, s.standing)::text
    FROM core.suppressed AS s
    INNER JOIN ops.vintage AS v ON s.vintage = v.vintage_id
    UNION ALL
    SELECT
        'core.withheld_snapshot',
        n.sha256
    FROM core.withheld_snapshot AS w
    INNER JOIN raw.snapshot AS n ON w.snapshot_id = n.snapshot_id
    UNION ALL
    SELECT
        'core.comparability',
        c::text
    FROM core.comparability AS c
    UNION ALL
    SELECT
        'core.reconciliation',
        r::text
    FROM core.reconciliation AS r
    UNION ALL
    SELECT
        'core.group_total',
        g::text
    FROM core.group_total AS g
    UNION ALL
    SELECT
        'bi.derivation',
        d::text
    FROM bi.derivation AS d
    UNION ALL
    SELECT
        'bi.availability',
        v::text
    FROM bi.availability AS v
    UNION ALL
    SELECT
        'bi.availability_total',
        v::text
    FROM bi.availability_total AS v
    UNION ALL
    SELECT
        'bi.release_figures',
        f::text
    FROM bi.release_figures AS f
    UNION ALL
    SELECT
        'bi.annual_sum',
        s::text
    FROM bi.annual_sum AS s
    UNION ALL
    SELECT
        'core.corridor',
        f::text
    FROM core.corridor AS f
    UNION ALL
    SELECT
        'core.corridor_mirror',
        f::text
    FROM core.corridor_mirror AS f
    UNION ALL
    SELECT
        'bi.corridor_figures',
        f::text
    FROM bi.corridor_figures AS f
    UNION ALL
    SELECT
        'bi.stock_flow',
        f::text
    FROM bi.stock_flow AS f
    UNION ALL
    SELECT
        'bi.dim_area',
        a::text
    FROM bi.dim_area AS a
    UNION ALL
    SELECT
        'bi.dim_indicator',
        i::text
    FROM bi.dim_indicator AS i
    UNION ALL
    SELECT
        'bi.dim_sex',
        s::text
    FROM bi.dim_sex AS s
    UNION ALL
    SELECT
        'bi.dim_age',
        a::text
    FROM bi.dim_age AS a
    UNION ALL
    SELECT
        'bi.dim_status',
        s::text
    FROM bi.dim_status AS s
    UNION ALL
    SELECT
        'bi.dim_time',
        t::text
    FROM bi.dim_time AS t
    UNION ALL
    SELECT
        'bi.dim_source',
        row(s.source, s.title, s.publisher, s.licence, s.citation, s.release)::text
    FROM bi.dim_source AS s
)

SELECT
    t.name AS table,
    count(c.content) AS rows,
    md5(
        coalesce(sum(hashtextextended(c.content, 0)::numeric), 0)::text
        || coalesce(sum(hashtextextended(c.content, 1)::numeric), 0)::text
    ) AS hash
FROM (
    VALUES
    ('core.series'), ('core.attributes'), ('core.observation'), ('core.superseded'), ('core.override'), ('core.place'),
    ('core.restricted'), ('core.suppressed'), ('core.withheld_snapshot'), ('core.comparability'),
    ('core.group_total'), ('core.corridor'), ('core.corridor_mirror'), ('core.reconciliation'),
    ('bi.observation_all'), ('bi.derivation'), ('bi.availability'), ('bi.availability_total'),
    ('bi.release_figures'), ('bi.annual_sum'), ('bi.corridor_figures'), ('bi.stock_flow'),
    ('bi.dim_area'), ('bi.dim_indicator'), ('bi.dim_sex'), ('bi.dim_age'), ('bi.dim_status'), ('bi.dim_time'),
    ('bi.dim_source')
) AS t (name)
LEFT JOIN contents AS c ON t.name = c.name
GROUP BY t.name
ORDER BY t.name
