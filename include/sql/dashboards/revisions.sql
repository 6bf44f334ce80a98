-- How many figures each release brought, changed or took away.
WITH editions AS (
    SELECT
        r.source,
        coalesce(r.release, '') AS release,
        CASE
            WHEN r.known_to IS NULL THEN 'stands'
            WHEN r.end_reason = 'revised' THEN 'revised later'
            WHEN r.end_reason = 'deleted_at_source' THEN 'taken back later'
            ELSE r.end_reason
        END AS what_became_of_it
    FROM bi.revisions AS r
)

SELECT
    e.source,
    s.publisher,
    CASE e.release WHEN '' THEN e.source ELSE e.source || ' ' || e.release END AS edition,
    e.what_became_of_it,
    count(*)::integer AS figures
FROM editions AS e
INNER JOIN bi.dim_source AS s ON e.source = s.source
GROUP BY e.source, s.publisher, e.release, e.what_became_of_it;
