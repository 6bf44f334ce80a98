SELECT
    n.source,
    n.rule,
    n.message
FROM bi.notice AS n
WHERE n.source = any(%(sources)s)
ORDER BY n.source, n.rule
