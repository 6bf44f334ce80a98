SELECT nspname AS schema FROM pg_catalog.pg_namespace
WHERE nspname IN ('ref', 'raw', 'core', 'ops', 'bi')
ORDER BY nspname
