-- Makes the two databases and the roles of an installation; run by the server's superuser with psql.
--
-- The postgres image runs it once, on an empty volume. It may be run again at any time: it makes what is
-- missing and sets the passwords to those of the environment (docs/deploy.md, "Change a password").

\set ON_ERROR_STOP on
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv owner_password WAREHOUSE_OWNER_PASSWORD
\getenv etl_password MIGSTATS_ETL_PASSWORD
\getenv bi_password MIGSTATS_BI_READER_PASSWORD
\getenv watchdog_password MIGSTATS_WATCHDOG_PASSWORD
\getenv portal_password MIGSTATS_PORTAL_PASSWORD

-- The statements below hold passwords; none of them may reach the server's log.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;

SELECT format('CREATE ROLE %I', name)
FROM unnest(
    ARRAY['airflow', 'warehouse_owner', 'migstats_etl', 'bi_reader', 'migstats_watchdog', 'migstats_portal']
) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- airflow: Airflow's metadata and Celery's results. warehouse_owner: the migrations of the warehouse.
-- migstats_etl: tasks. bi_reader: BI tools. migstats_watchdog: sees what others run, and may end it. migstats_portal: what
-- officials send and see, of one country at a time.
ALTER ROLE airflow WITH LOGIN PASSWORD :'airflow_password';
ALTER ROLE warehouse_owner WITH LOGIN CREATEROLE PASSWORD :'owner_password';
ALTER ROLE migstats_etl WITH LOGIN NOINHERIT PASSWORD :'etl_password';
ALTER ROLE bi_reader WITH LOGIN NOINHERIT PASSWORD :'bi_password';
ALTER ROLE migstats_watchdog WITH LOGIN NOINHERIT PASSWORD :'watchdog_password';
ALTER ROLE migstats_portal WITH LOGIN NOINHERIT PASSWORD :'portal_password';

-- So that the migrations can set limits and rights of these roles without being superuser.
GRANT migstats_etl, bi_reader, migstats_watchdog, migstats_portal, pg_signal_backend, pg_read_all_stats
TO warehouse_owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C.UTF-8''', name, owner)
FROM (VALUES ('airflow', 'airflow'), ('warehouse', 'warehouse_owner')) AS wanted (name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name)
\gexec

-- A role reaches its own database and no other.
REVOKE ALL ON DATABASE airflow, warehouse, postgres, template1 FROM PUBLIC;

-- Open to everybody by default, and only a superuser can close them: large objects, locks that others wait for,
-- messages to others. The migrations close them too where they run as superuser (include/sql/schema/*_hardening.sql);
-- here their owner gets the right to hand them on to tasks.
\connect warehouse
REVOKE ALL ON SCHEMA public FROM PUBLIC;
SELECT
    format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure),
    format('GRANT EXECUTE ON FUNCTION %s TO warehouse_owner WITH GRANT OPTION', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
    AND (
        proname ~ '^(lo_|pg_advisory|pg_try_advisory)'
        OR proname IN ('loread', 'lowrite', 'pg_logical_emit_message', 'pg_export_snapshot', 'pg_notify')
    )
\gexec
