-- Who did what, when, with what outcome: a row for each run, one for each attempt of a step as it begins, one for what
-- came of it. What is killed cannot say so: an attempt without outcome is found by the next one, or by maintenance.
CREATE TABLE ops.run (
    run_id text PRIMARY KEY,
    dag text NOT NULL,
    kind text NOT NULL,
    logical_date timestamptz,
    parameters jsonb NOT NULL,
    code_version text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.run IS 'One row per run of a DAG or a command that did something to the warehouse';
COMMENT ON COLUMN ops.run.run_id IS 'DAG and run of Airflow, or the command and its time';
COMMENT ON COLUMN ops.run.kind IS 'How it came about: scheduled, manual, backfill, asset_triggered, command';
COMMENT ON COLUMN ops.run.logical_date IS 'The date that it was about, as Airflow has it';
COMMENT ON COLUMN ops.run.parameters IS 'What was filled in in its form';

CREATE TABLE ops.attempt (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL REFERENCES ops.run,
    source text NOT NULL,
    step text NOT NULL,
    slice text,
    number integer NOT NULL CHECK (number >= 1),
    host text NOT NULL,
    process text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.attempt IS 'One row per attempt of a step, written as it begins';
COMMENT ON COLUMN ops.attempt.number IS 'Which try of the task it is';
COMMENT ON COLUMN ops.attempt.process IS 'Process id and the time that it was started at, on the host';

CREATE INDEX attempt_of_run ON ops.attempt (run_id, step);

ALTER TABLE ops.outcome
ADD COLUMN attempt_id bigint REFERENCES ops.attempt,
ADD COLUMN bytes bigint CHECK (bytes >= 0),
DROP CONSTRAINT outcome_status_check,
ADD CONSTRAINT outcome_status_check CHECK (status IN ('done', 'skip', 'refused', 'failed'));

CREATE UNIQUE INDEX one_outcome ON ops.outcome (attempt_id) WHERE attempt_id IS NOT NULL;

COMMENT ON TABLE ops.outcome IS 'What came of each attempt of a step, failures and kills included';
COMMENT ON COLUMN ops.outcome.status IS
'done; skip: there was nothing to do; refused: a person rejected what it was about; failed: see error_class, message';
COMMENT ON COLUMN ops.outcome.bytes IS 'Bytes that were landed or read';

CREATE VIEW ops.unfinished AS
SELECT a.*
FROM ops.attempt AS a
LEFT JOIN ops.outcome AS o ON a.attempt_id = o.attempt_id
WHERE o.attempt_id IS NULL;

COMMENT ON VIEW ops.unfinished IS 'Attempts that are at work, or that were killed and that nobody has missed yet';

CREATE VIEW ops.run_state AS
SELECT
    r.run_id,
    r.dag,
    r.kind,
    r.logical_date,
    r.parameters,
    r.code_version,
    r.began_at,
    max(o.at) AS last_at,
    count(o.outcome_id) AS outcomes,
    count(o.outcome_id) FILTER (WHERE o.status = 'failed') AS failures,
    count(*) FILTER (WHERE a.attempt_id IS NOT NULL AND o.outcome_id IS NULL) AS unfinished,
    sum(o.seconds) AS seconds,
    sum(o.bytes)::bigint AS bytes
FROM ops.run AS r
LEFT JOIN ops.attempt AS a ON r.run_id = a.run_id
LEFT JOIN ops.outcome AS o ON a.attempt_id = o.attempt_id
GROUP BY r.run_id;

COMMENT ON VIEW ops.run_state IS 'Each run and what came of its attempts so far';

DO $$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY['run', 'attempt'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change()', ledger
        );
        EXECUTE format('GRANT SELECT, INSERT ON ops.%I TO migstats_etl', ledger);
    END LOOP;
END
$$;
GRANT SELECT ON ops.unfinished, ops.run_state TO migstats_etl;

-- What a load read from each landing, so that a rebuild can tell whether it reads the same.
ALTER TABLE ops.load_landing ADD COLUMN content_sha256 text;

COMMENT ON COLUMN ops.load_landing.content_sha256 IS 'Hash of what the landing says; NULL for what was loaded before';

-- What can be added up, and what cannot.
COMMENT ON COLUMN bi.fact_observation.value IS
'The figure where SUM over one indicator and year counts nothing twice; NULL on totals, shares and rates, and where there is no figure';
COMMENT ON COLUMN bi.fact_observation.is_total IS
'True where other rows (or a preferred source) already count what this row counts, or where it cannot be added: shares and rates';
