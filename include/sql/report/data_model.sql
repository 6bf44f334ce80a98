-- Every table and view of the warehouse with its columns, as the database describes them; partitions are their parents.
SELECT
    n.nspname AS schema,
    obj_description(n.oid, 'pg_namespace') AS schema_comment,
    c.relname AS relation,
    CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
    obj_description(c.oid, 'pg_class') AS relation_comment,
    a.attname AS column_name,
    format_type(a.atttypid, a.atttypmod) AS type,
    a.attnotnull AS required,
    col_description(c.oid, a.attnum) AS comment
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
INNER JOIN pg_catalog.pg_attribute AS a ON c.oid = a.attrelid
WHERE
    n.nspname IN ('ref', 'raw', 'core', 'ops', 'bi') AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY array_position(ARRAY['bi', 'core', 'ops', 'raw', 'ref'], n.nspname::text), c.relname, a.attnum
