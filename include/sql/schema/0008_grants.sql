-- Who may do what. The roles are made by `migstats setup` before the migrations. Grants are what holds: a role can undo
-- its own settings.
GRANT USAGE ON SCHEMA ref, raw, core, ops, bi TO migstats_etl;
GRANT SELECT ON ALL TABLES IN SCHEMA ref, raw, core, ops, bi TO migstats_etl;
GRANT INSERT, UPDATE ON ref.source TO migstats_etl;
GRANT INSERT ON raw.snapshot TO migstats_etl;
GRANT INSERT ON core.series, core.attributes, core.place TO migstats_etl;
GRANT INSERT, UPDATE ON core.observation TO migstats_etl;
GRANT INSERT ON ops.vintage, ops.load, ops.load_snapshot, ops.explained, ops.quarantine, ops.outcome TO migstats_etl;
GRANT INSERT ON ops.validation_result TO migstats_etl;
GRANT INSERT, UPDATE ON ops.slice_state, ops.publication TO migstats_etl;
GRANT INSERT, UPDATE, DELETE ON bi.fact_observation TO migstats_etl;
GRANT USAGE ON SEQUENCE ops.vintage_number TO migstats_etl;
GRANT EXECUTE ON FUNCTION core.new_partition(text), core.attach_partition(text) TO migstats_etl;

GRANT USAGE ON SCHEMA bi TO bi_reader;
GRANT SELECT ON bi.fact_observation TO bi_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA bi GRANT SELECT ON TABLES TO bi_reader, migstats_etl;
ALTER DEFAULT PRIVILEGES IN SCHEMA core, ops GRANT SELECT ON TABLES TO migstats_etl;
REVOKE ALL ON SCHEMA public FROM public;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ref, raw FROM public;
