-- What a selection takes: figures by topic and source, with what is said of the source.
SELECT
    i.topic,
    s.source,
    s.title,
    s.publisher,
    s.homepage,
    s.licence,
    s.licence_url,
    s.citation,
    s.release,
    s.released_at,
    s.accepted_at,
    s.vintage,
    count(*)::integer AS figures,
    min(t.period_start) AS first_day,
    max(t.period_end) AS last_day,
    string_agg(DISTINCT f.freq, ' ' ORDER BY f.freq) AS freqs,
    -- the same vintages may be published once more, and say less: disclosure control, preferences
    bit_xor(('x' || left(md5(f::text), 16))::bit(64)::bigint) AS fingerprint
FROM bi.observation_all AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_time AS t ON f.time_period = t.time_period
WHERE
    s.redistribution = 'allowed'
    AND (%(topics)s::text[] IS NULL OR i.topic = any(%(topics)s))
    AND (%(indicators)s::text[] IS NULL OR f.indicator = any(%(indicators)s))
    AND (%(sources)s::text[] IS NULL OR f.source = any(%(sources)s))
    AND (%(countries)s::text[] IS NULL OR f.ref_area = any(%(countries)s) OR f.counterpart_area = any(%(countries)s))
    AND (NOT %(sdg)s OR i.sdg_series <> 'none')
GROUP BY
    i.topic,
    s.source,
    s.title,
    s.publisher,
    s.homepage,
    s.licence,
    s.licence_url,
    s.citation,
    s.release,
    s.released_at,
    s.accepted_at,
    s.vintage
ORDER BY i.topic COLLATE "C", s.source COLLATE "C" -- noqa: RF02
