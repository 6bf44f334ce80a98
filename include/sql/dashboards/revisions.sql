-- How many figures each release brought, and how many of them a later one changed or took away.
SELECT
    r.source,
    s.publisher,
    r.release,
    count(*)::integer AS figures,
    count(*) FILTER (WHERE r.known_to IS NULL)::integer AS still_stand,
    count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'revised')::integer AS revised_later,
    count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'deleted_at_source')::integer AS taken_back_later
FROM bi.revisions AS r
INNER JOIN bi.dim_source AS s ON r.source = s.source
GROUP BY r.source, s.publisher, r.release;
