-- The figures of a source that stand (or that readers see, where it is not published now), of all indicators: what is hidden in one may be told by another one.
SELECT
    o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period AS observation_id,
    o.vintage_from AS vintage,
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
    t.time_period,
    o.value,
    a.unit,
    o.obs_status,
    a.conf_status
FROM core.observation AS o
INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
LEFT JOIN ops.publication AS q ON o.source = q.source
WHERE
    o.source = %(source)s
    AND CASE
        WHEN o.source = any(%(sources)s) THEN o.vintage_to IS NULL
        ELSE o.vintage_from <= q.vintage_id AND (o.vintage_to IS NULL OR o.vintage_to > q.vintage_id)
    END
    AND (%(indicators)s::text[] IS NULL OR s.indicator = any(%(indicators)s::text[]))
    AND (%(areas)s::text[] IS NULL OR s.ref_area = any(%(areas)s::text[]))
ORDER BY observation_id
