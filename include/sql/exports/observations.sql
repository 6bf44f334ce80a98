-- The figures of a topic that a selection takes, in an order that depends on nothing but them. What may not be passed
-- on is not in bi; that it is asked for once more costs nothing.
SELECT
    f.source,
    f.indicator,
    f.freq,
    f.ref_area,
    f.subdivision,
    f.counterpart_area,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.labour_status,
    f.occupation,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability,
    f.breakdown,
    f.time_period,
    f.published_value,
    f.obs_status,
    f.conf_status,
    f.unit,
    0 AS unit_mult,
    f.missing_reason,
    f.nature,
    f.concept_basis,
    CASE WHEN %(marked)s AND f.coverage ~ '^''*[=+@\t\r＝＋－＠-]' THEN '''' || f.coverage ELSE f.coverage END AS coverage,
    f.residence_criterion,
    f.reference_point,
    f.point_in_time,
    CASE WHEN %(marked)s AND f.note ~ '^''*[=+@\t\r＝＋－＠-]' THEN '''' || f.note ELSE f.note END AS note,
    f.dataset,
    nullif(f.release, '') AS release,
    f.is_total::text AS is_total,
    f.preferred::text AS preferred,
    f.why_preferred,
    f.method,
    f.subdivision_matched,
    CASE WHEN %(marked)s AND f.subdivision_published ~ '^''*[=+@\t\r＝＋－＠-]' THEN '''' ELSE '' END
    || f.subdivision_published AS subdivision_published,
    f.match_level,
    f.observation_id
FROM bi.observation_all AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
WHERE
    s.redistribution = 'allowed'
    AND i.topic = %(topic)s
    AND (%(indicators)s::text[] IS NULL OR f.indicator = any(%(indicators)s))
    AND (%(sources)s::text[] IS NULL OR f.source = any(%(sources)s))
    AND (%(countries)s::text[] IS NULL OR f.ref_area = any(%(countries)s) OR f.counterpart_area = any(%(countries)s))
    AND (NOT %(sdg)s OR i.sdg_series <> 'none')
ORDER BY f.indicator COLLATE "C", f.source COLLATE "C", f.ref_area COLLATE "C", f.observation_id COLLATE "C" -- noqa: RF02
