-- How many figures each release brought, and how many of them a later one changed or took away.
SELECT
    r.source,
    s.publisher,
    r.release,
    r.figures,
    r.still_stand,
    r.revised_later,
    r.taken_back_later
FROM bi.release_figures AS r
INNER JOIN bi.dim_source AS s ON r.source = s.source;
