-- What is attached is analysed before its keys are checked: the planner took a table that it knew nothing of for a small
-- one, and sorted a million figures where it ought to have hashed them. That a table is of its source is checked as it is
-- filled, and not once more after that.
CREATE OR REPLACE FUNCTION core.new_partition(source text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    series_table text := format('core.%I', 'series_' || source);
    observation_table text := format('core.%I', 'observation_' || source);
BEGIN
    IF to_regclass(observation_table) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM ref.source AS s WHERE s.code = source) THEN
        RAISE EXCEPTION 'source % is not in ref.source', source;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE core.series INCLUDING DEFAULTS)', series_table);
    EXECUTE format(
        'CREATE TABLE %s (LIKE core.observation INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', observation_table
    );
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT of_source CHECK (source = %L)', series_table, source);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT of_source CHECK (source = %L)', observation_table, source);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN source SET DEFAULT %L', observation_table, source);
    EXECUTE format('GRANT SELECT, INSERT ON %s TO migstats_etl', series_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO migstats_etl', observation_table);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION core.attach_partition(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    series_table text := format('core.%I', 'series_' || source);
    observation_table text := format('core.%I', 'observation_' || source);
BEGIN
    EXECUTE format('ANALYZE %s', series_table);
    EXECUTE format('ANALYZE %s', observation_table);
    EXECUTE format('ALTER TABLE core.series ATTACH PARTITION %s FOR VALUES IN (%L)', series_table, source);
    EXECUTE format('ALTER TABLE core.observation ATTACH PARTITION %s FOR VALUES IN (%L)', observation_table, source);
END
$$;
