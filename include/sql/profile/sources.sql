SELECT
    s.source,
    s.title,
    s.publisher,
    s.citation,
    s.homepage,
    s.licence,
    s.licence_url,
    s.release,
    s.released_at
FROM bi.dim_source AS s
WHERE s.source = any(%(sources)s)
ORDER BY s.source
