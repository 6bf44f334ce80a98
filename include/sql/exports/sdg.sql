-- Figures of series of the global SDG indicators, one for each cell: that data structure has no place for a second source.
SELECT
    i.sdg_series,
    f.source,
    f.freq,
    a.m49,
    f.sex,
    f.age,
    f.urbanisation,
    f.education,
    f.occupation,
    f.disability,
    f.activity,
    f.time_period,
    f.published_value,
    f.obs_status,
    f.unit,
    f.nature,
    CASE WHEN %(marked)s AND f.note ~ '^''*[=+@\t\r＝＋－＠-]' THEN '''' || f.note ELSE f.note END AS note,
    s.publisher,
    f.subdivision,
    f.counterpart_area,
    f.counterpart_basis,
    f.migration_status,
    f.labour_status,
    f.reason,
    f.breakdown
FROM bi.observation_all AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
WHERE
    s.redistribution = 'allowed'
    AND i.sdg_series <> 'none'
    AND f.preferred
    AND f.method = 'published'
    AND i.topic = %(topic)s
    AND (%(indicators)s::text[] IS NULL OR f.indicator = any(%(indicators)s))
    AND (%(sources)s::text[] IS NULL OR f.source = any(%(sources)s))
    AND (%(countries)s::text[] IS NULL OR f.ref_area = any(%(countries)s) OR f.counterpart_area = any(%(countries)s))
ORDER BY i.sdg_series COLLATE "C", a.m49 COLLATE "C", f.observation_id COLLATE "C" -- noqa: RF02
