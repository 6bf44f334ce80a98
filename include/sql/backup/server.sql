-- The server, and who asks it.
SELECT
    current_setting('server_version_num')::integer / 10000 AS major,
    current_setting('server_version') AS version,
    r.rolsuper AS superuser,
    (
        SELECT o.rolname FROM pg_catalog.pg_namespace AS n
        INNER JOIN pg_catalog.pg_roles AS o ON n.nspowner = o.oid
        WHERE n.nspname = 'core'
    ) AS owner
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = current_user
