-- The schemas of the warehouse, and the ledger of the migrations that made them.
CREATE SCHEMA ref;
CREATE SCHEMA raw;
CREATE SCHEMA core;
CREATE SCHEMA ops;
CREATE SCHEMA bi;

COMMENT ON SCHEMA ref IS 'Codelists, indicator catalogue and periods';
COMMENT ON SCHEMA raw IS 'Ledger of snapshots: the exact bytes that publishers served';
COMMENT ON SCHEMA core IS 'Facts with their history';
COMMENT ON SCHEMA ops IS 'Runs, loads, vintages, validation results, quarantine';
COMMENT ON SCHEMA bi IS 'What BI tools read';

CREATE TABLE ops.migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
