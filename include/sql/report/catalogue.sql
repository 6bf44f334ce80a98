-- The shape of the warehouse, one row per thing, with what defines it: the same for two databases of one version.
-- Partitions are left out: a source has them once it was loaded, and they take their shape from their parent.
WITH relation AS (
    SELECT
        c.oid,
        c.relkind,
        c.relacl,
        c.relowner,
        n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
    WHERE
        n.nspname IN ('ref', 'raw', 'core', 'ops', 'bi') AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND NOT c.relispartition
),

routine AS (
    SELECT
        p.oid,
        p.proacl,
        p.proowner,
        p.oid::regprocedure::text AS name
    FROM pg_catalog.pg_proc AS p
    INNER JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
    WHERE n.nspname IN ('ref', 'raw', 'core', 'ops', 'bi')
),

-- who may do what; the owner is called so, since its name is a matter of the installation
granted AS (
    SELECT
        'table' AS sort,
        name,
        relowner AS owner,
        coalesce(
            relacl, CASE relkind WHEN 'S' THEN acldefault('s', relowner) ELSE acldefault('r', relowner) END
        ) AS acl
    FROM relation
    UNION ALL
    SELECT
        'function' AS sort,
        name,
        proowner AS owner,
        coalesce(proacl, acldefault('f', proowner)) AS acl
    FROM routine
    UNION ALL
    SELECT
        'schema' AS sort,
        nspname AS name,
        nspowner AS owner,
        coalesce(nspacl, acldefault('n', nspowner)) AS acl
    FROM pg_catalog.pg_namespace
    WHERE nspname IN ('ref', 'raw', 'core', 'ops', 'bi')
    UNION ALL
    SELECT
        'server function' AS sort,
        p.oid::regprocedure::text AS name,
        p.proowner AS owner,
        coalesce(p.proacl, acldefault('f', p.proowner)) AS acl
    FROM pg_catalog.pg_proc AS p
    WHERE
        p.pronamespace = 'pg_catalog'::regnamespace
        AND (
            p.proname ~ '^(lo_|pg_advisory|pg_try_advisory)'
            OR p.proname IN ('loread', 'lowrite', 'pg_logical_emit_message', 'pg_export_snapshot', 'pg_notify')
        )
)

SELECT
    CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END AS sort,
    r.name,
    CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) ELSE '' END AS definition
FROM relation AS r
UNION ALL
SELECT
    'column' AS sort,
    r.name || '.' || a.attname AS name,
    format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
    || CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END AS definition
FROM relation AS r
INNER JOIN pg_catalog.pg_attribute AS a ON r.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind <> 'S'
UNION ALL
SELECT
    'index' AS sort,
    i.indexrelid::regclass::text AS name,
    pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END AS definition
FROM pg_catalog.pg_index AS i
INNER JOIN relation AS r ON i.indrelid = r.oid
UNION ALL
SELECT
    'constraint' AS sort,
    r.name || '.' || c.conname AS name,
    pg_get_constraintdef(c.oid) || CASE WHEN c.convalidated THEN '' ELSE ' (not validated)' END AS definition
FROM pg_catalog.pg_constraint AS c
INNER JOIN relation AS r ON c.conrelid = r.oid
WHERE c.conparentid = 0
UNION ALL
SELECT
    'trigger' AS sort,
    r.name || '.' || t.tgname AS name,
    pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (not enabled as made)' END AS definition
FROM pg_catalog.pg_trigger AS t
INNER JOIN relation AS r ON t.tgrelid = r.oid
WHERE NOT t.tgisinternal
UNION ALL
SELECT
    'function' AS sort,
    p.name,
    CASE
        WHEN g.aggfnoid IS NULL THEN pg_get_functiondef(p.oid)
        ELSE
            'aggregate by ' || g.aggtransfn || ' into ' || g.aggtranstype::regtype
            || coalesce(' from ' || g.agginitval, '')
    END AS definition
FROM routine AS p
LEFT JOIN pg_catalog.pg_aggregate AS g ON p.oid = g.aggfnoid
UNION ALL
SELECT
    'right' AS sort,
    g.sort || ' ' || g.name AS name,
    string_agg(
        DISTINCT coalesce(u.rolname, 'public') || ': ' || e.privilege_type, ', '
        ORDER BY coalesce(u.rolname, 'public') || ': ' || e.privilege_type
    ) FILTER (WHERE e.grantee <> g.owner AND coalesce(u.rolname, '') <> 'warehouse_owner') AS definition
FROM granted AS g
LEFT JOIN LATERAL aclexplode(g.acl) AS e ON TRUE
LEFT JOIN pg_catalog.pg_roles AS u ON e.grantee = u.oid
GROUP BY g.sort, g.name
UNION ALL
SELECT
    'default right' AS sort,
    n.nspname AS name,
    string_agg(
        DISTINCT coalesce(u.rolname, 'public') || ': ' || e.privilege_type, ', '
        ORDER BY coalesce(u.rolname, 'public') || ': ' || e.privilege_type
    ) AS definition
FROM pg_catalog.pg_default_acl AS d
INNER JOIN pg_catalog.pg_namespace AS n ON d.defaclnamespace = n.oid
INNER JOIN LATERAL aclexplode(d.defaclacl) AS e ON TRUE
LEFT JOIN pg_catalog.pg_roles AS u ON e.grantee = u.oid
WHERE n.nspname IN ('ref', 'raw', 'core', 'ops', 'bi')
GROUP BY n.nspname
ORDER BY sort, name
