-- Who may enter the database; applied at every setup, since a copy or a restore does not carry it along.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM public', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO migstats_etl', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO bi_reader, migstats_watchdog, migstats_portal', current_database());
END
$$;
