SELECT
    pid,
    usename,
    pg_terminate_backend(pid) AS ended,
    extract(EPOCH FROM now() - coalesce(xact_start, query_start))::integer AS seconds
FROM pg_stat_activity
WHERE
    usename = 'bi_reader'
    AND state <> 'idle'
    AND now() - coalesce(xact_start, query_start) > make_interval(secs => %(seconds)s)
