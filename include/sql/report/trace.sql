SELECT
    o.source,
    s.indicator,
    s.ref_area,
    s.counterpart_area,
    s.counterpart_basis,
    s.sex,
    s.age,
    t.time_period,
    o.value,
    o.obs_status,
    a.conf_status,
    a.dataset,
    a.unit,
    a.unit_mult,
    a.concept_basis,
    a.note,
    n.slice,
    n.release,
    n.part,
    n.url,
    n.request,
    n.sha256,
    n.bytes,
    n.retrieved_at,
    replace(p.template, '{}', o.place_row::text) AS place,
    coalesce(o.raw, o.value::text) AS raw,
    v.vintage_id AS vintage,
    v.released_at,
    v.accepted_at,
    o.known_to IS NULL AS is_current,
    v.made_with,
    l.run_id,
    l.code_version,
    r.publisher,
    r.title,
    r.citation,
    r.licence,
    r.licence_url
FROM core.observation AS o
INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
INNER JOIN ops.load AS l ON v.load_id = l.load_id
INNER JOIN ref.source AS r ON o.source = r.code
LEFT JOIN core.published AS f
    ON
        f.observation_id = %(observation_id)s::text AND o.vintage_from = f.vintage
        AND o.vintage_to IS DISTINCT FROM o.vintage_from
WHERE o.source = %(source)s AND o.series_id = %(series_id)s AND t.time_period = %(time_period)s
-- what is published; of a figure that it shows no more, the last one
ORDER BY (f.observation_id IS NOT NULL) DESC, (o.known_to IS NULL) DESC, o.known_from DESC, o.vintage_from DESC
LIMIT 1
