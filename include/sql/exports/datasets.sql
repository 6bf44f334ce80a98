-- Tables of the sources that a selection takes, with their points of reference and the topics that they stand in: what
-- reading an export again has to declare. What we compute ourselves is computed again, and not read.
SELECT DISTINCT
    f.source,
    f.dataset,
    f.reference_point,
    i.topic
FROM bi.observation_all AS f
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
WHERE
    s.redistribution = 'allowed'
    AND f.method = 'published'
    AND (%(topics)s::text[] IS NULL OR i.topic = any(%(topics)s))
    AND (%(indicators)s::text[] IS NULL OR f.indicator = any(%(indicators)s))
    AND (%(sources)s::text[] IS NULL OR f.source = any(%(sources)s))
    AND (%(countries)s::text[] IS NULL OR f.ref_area = any(%(countries)s) OR f.counterpart_area = any(%(countries)s))
    AND (NOT %(sdg)s OR i.sdg_series <> 'none')
ORDER BY f.source, f.dataset, f.reference_point, i.topic
