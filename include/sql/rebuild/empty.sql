-- Take away what can be made again from the snapshots and the ledgers: facts, their places, what bi shows.
-- Partitions of series are detached before they are dropped: a cascade would take the foreign key of all observations
-- with it.
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
TRUNCATE core.place, core.attributes, core.observation, core.series RESTART IDENTITY CASCADE;
TRUNCATE bi.fact_observation, ops.slice_state;
DELETE FROM ops.publication;
