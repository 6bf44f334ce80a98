-- What any role may do by default and a reader must not: large objects, locks that others wait for,
-- messages into the write-ahead log.
DO $$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN
        SELECT p.oid::regprocedure
        FROM pg_catalog.pg_proc AS p
        WHERE
            p.pronamespace = 'pg_catalog'::regnamespace
            AND (
                p.proname LIKE 'lo\_%' OR p.proname IN ('loread', 'lowrite')
                OR p.proname LIKE 'pg\_advisory%' OR p.proname LIKE 'pg\_try\_advisory%'
                OR p.proname IN ('pg_logical_emit_message', 'pg_export_snapshot', 'pg_notify')
            )
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM public', routine);
        IF routine::text LIKE 'pg\_%advisory%' THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO migstats_etl', routine);
        END IF;
    END LOOP;
END
$$;
