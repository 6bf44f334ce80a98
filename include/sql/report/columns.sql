-- The columns of tables (`schema.table`) in their order, with what is said about them.
SELECT
    n.nspname || '.' || c.relname AS table_name,
    a.attname AS column_name,
    format_type(a.atttypid, a.atttypmod) AS data_type,
    col_description(c.oid, a.attnum) AS comment
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON a.attrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE n.nspname || '.' || c.relname = any(%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY n.nspname, c.relname, a.attnum
