-- What was warned about in what is shown.
SELECT
    n.source,
    s.publisher,
    n.rule,
    n.message,
    n.since
FROM bi.notice AS n
INNER JOIN bi.dim_source AS s ON n.source = s.source;
