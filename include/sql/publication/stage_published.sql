-- The figures of every source for the indicators of the sources to be published: which of them can be added up is a
-- question of all of them together. Of those to be published what stands now; of the others what readers see, though
-- something newer was accepted and is held back.
CREATE TEMPORARY TABLE published ON COMMIT DROP AS
SELECT
    o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period AS observation_id,
    o.source,
    a.dataset,
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
    extract(YEAR FROM t.period_start)::integer AS year,
    NULL::double precision AS value,
    o.value AS published_value,
    TRUE AS is_total,
    a.unit,
    o.obs_status,
    a.conf_status,
    a.missing_reason,
    a.nature,
    a.concept_basis,
    a.coverage,
    a.residence_criterion,
    a.reference_point,
    -- a day that is none, or not in its period, is unknown: one source's facts never hold up the others
    CASE
        WHEN a.reference_point = 'start' THEN t.period_start
        WHEN a.reference_point = 'end' THEN t.period_end
        WHEN
            pg_input_is_valid(to_char(t.period_start, 'YYYY-') || a.reference_point, 'date')
            AND (to_char(t.period_start, 'YYYY-') || a.reference_point)::date BETWEEN t.period_start AND t.period_end
            THEN (to_char(t.period_start, 'YYYY-') || a.reference_point)::date
    END AS point_in_time,
    a.note,
    v.release,
    o.vintage_from AS vintage,
    coalesce(u.matched, s.subdivision) AS subdivision_matched,
    coalesce(n.name, CASE WHEN u.matched IS NOT NULL THEN u.name_en END) AS subdivision_published,
    coalesce(m.level, 0) AS match_level,
    TRUE AS preferred,
    'only_source' AS why_preferred,
    'published' AS method,
    r.disclosure_id AS disclosure
FROM core.observation AS o
INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
INNER JOIN pg_temp.touched AS i ON s.indicator = i.indicator
INNER JOIN pg_temp.disclosure AS r ON o.source = r.source
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
INNER JOIN ref.subdivision AS u ON s.subdivision = u.code
INNER JOIN ref.subdivision AS m ON coalesce(u.matched, u.code) = m.code
LEFT JOIN core.subdivision_name AS n
    ON o.source = n.source AND a.dataset = n.dataset AND s.subdivision = n.subdivision
LEFT JOIN ops.publication AS q ON o.source = q.source
WHERE
    CASE
        WHEN o.source = any(%(sources)s) THEN o.vintage_to IS NULL
        ELSE o.vintage_from <= q.vintage_id AND (o.vintage_to IS NULL OR o.vintage_to > q.vintage_id)
    END
