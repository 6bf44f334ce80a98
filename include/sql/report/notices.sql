SELECT
    source,
    suite,
    rule,
    message,
    since
FROM bi.notice
ORDER BY source, suite, rule
