-- A first load fills tables that stand alone (no key is checked row by row) and attaches them (all keys are checked in
-- bulk, and the attachment fails if one is an orphan). The owner does it for the loader, which may not alter tables.
CREATE FUNCTION core.new_partition(source text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass(format('core.%I', 'observation_' || source)) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM ref.source AS s WHERE s.code = source) THEN
        RAISE EXCEPTION 'source % is not in ref.source', source;
    END IF;
    EXECUTE format('CREATE TABLE core.%I (LIKE core.series INCLUDING DEFAULTS)', 'series_' || source);
    EXECUTE format(
        'CREATE TABLE core.%I (LIKE core.observation INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        'observation_' || source
    );
    EXECUTE format('ALTER TABLE core.%I ALTER COLUMN source SET DEFAULT %L', 'observation_' || source, source);
    EXECUTE format('GRANT SELECT, INSERT ON core.%I TO migstats_etl', 'series_' || source);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON core.%I TO migstats_etl', 'observation_' || source);
    RETURN true;
END
$$;

CREATE FUNCTION core.attach_partition(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    series_table text := format('core.%I', 'series_' || source);
    observation_table text := format('core.%I', 'observation_' || source);
BEGIN
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT of_source CHECK (source = %L)', series_table, source);
    EXECUTE format('ALTER TABLE core.series ATTACH PARTITION %s FOR VALUES IN (%L)', series_table, source);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT of_source CHECK (source = %L)', observation_table, source);
    EXECUTE format('ALTER TABLE core.observation ATTACH PARTITION %s FOR VALUES IN (%L)', observation_table, source);
    EXECUTE format('ANALYZE %s', series_table);
    EXECUTE format('ANALYZE %s', observation_table);
END
$$;

REVOKE ALL ON FUNCTION core.new_partition(text), core.attach_partition(text) FROM public;
