-- Take away what can be made again from the snapshots and the ledgers: facts and their places. What bi shows is replaced
-- by the publication at the end. Partitions of series are detached before they are dropped: a cascade would take the
-- foreign key of all observations with it.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT i.inhrelid::regclass FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = 'core.observation'::regclass
    LOOP
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
    FOR part IN SELECT i.inhrelid::regclass FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = 'core.series'::regclass
    LOOP
        EXECUTE format('ALTER TABLE core.series DETACH PARTITION %s', part);
        EXECUTE format('DROP TABLE %s', part);
    END LOOP;
END
$$;
TRUNCATE core.subdivision_name;
TRUNCATE core.override, core.superseded, core.place, core.attributes, core.observation, core.series
RESTART IDENTITY CASCADE;
TRUNCATE ops.slice_state;
