-- What stands between a candidate and acceptance. A candidate is bound by its hash to what it says and to the vintage
-- that it was compared with; a decision is bound to the candidate. Append-only: who let what pass stays told.
CREATE TABLE ops.candidate (
    candidate_id text PRIMARY KEY CHECK (candidate_id ~ '^[0-9a-f]{32}$'),
    source text NOT NULL REFERENCES ref.source,
    release text NOT NULL,
    base_vintage integer REFERENCES ops.vintage,
    breaches integer NOT NULL CHECK (breaches >= 0),
    notices integer NOT NULL CHECK (notices >= 0),
    run_id text NOT NULL,
    judged_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE ops.candidate IS 'A state of a source that was judged by the gate';
COMMENT ON COLUMN ops.candidate.candidate_id IS 'Hash of what it says and of the vintage that it was compared with';
COMMENT ON COLUMN ops.candidate.breaches IS 'Findings that no waiver lets pass: with one or more, a person decides';

CREATE TABLE ops.waiver (
    waiver_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    kind text NOT NULL,
    scope text NOT NULL,
    author text NOT NULL CHECK (author <> ''),
    reason text NOT NULL CHECK (length(reason) >= 10),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT expires_later CHECK (expires_at > created_at)
);

COMMENT ON TABLE ops.waiver IS 'A recorded exception: lets one difference pass the gate once, until it expires';
COMMENT ON COLUMN ops.waiver.scope IS 'The scope of the finding, word for word';

CREATE TABLE ops.gate_finding (
    candidate_id text NOT NULL REFERENCES ops.candidate,
    number integer NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('breach', 'notice')),
    scope text NOT NULL,
    found text NOT NULL,
    allowed text NOT NULL,
    message text NOT NULL,
    place text NOT NULL,
    time_period text NOT NULL,
    was double precision,
    now double precision,
    waiver_id integer REFERENCES ops.waiver,
    PRIMARY KEY (candidate_id, number)
);

CREATE TABLE ops.gate_difference (
    candidate_id text NOT NULL REFERENCES ops.candidate,
    number integer NOT NULL,
    series text NOT NULL,
    time_period text NOT NULL,
    was double precision,
    now double precision,
    PRIMARY KEY (candidate_id, number)
);

COMMENT ON TABLE ops.gate_difference IS 'The largest differences between a candidate and what was accepted';

CREATE TABLE ops.decision (
    candidate_id text PRIMARY KEY REFERENCES ops.candidate,
    verdict text NOT NULL CHECK (verdict IN ('approved', 'rejected')),
    decided_by text NOT NULL CHECK (decided_by <> ''),
    reason text NOT NULL CHECK (length(reason) >= 3),
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.decision IS 'Who let a candidate pass, or refused it, when and why';

-- A waiver that was used lets nothing else pass.
CREATE TABLE ops.waiver_use (
    waiver_id integer PRIMARY KEY REFERENCES ops.waiver,
    candidate_id text NOT NULL REFERENCES ops.candidate,
    vintage_id integer NOT NULL REFERENCES ops.vintage,
    used_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE ops.vintage ADD COLUMN candidate_id text REFERENCES ops.candidate;

COMMENT ON COLUMN ops.vintage.candidate_id IS 'The candidate as the gate judged it; NULL for what came before the gate';

-- The database itself refuses a vintage of a candidate that breached and that nobody approved.
CREATE FUNCTION ops.require_approval() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM ops.candidate AS c
        LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
        WHERE c.candidate_id = new.candidate_id
            AND (d.verdict = 'rejected' OR (c.breaches > 0 AND d.verdict IS DISTINCT FROM 'approved'))
    ) THEN
        RAISE EXCEPTION 'candidate % breached the gate and was not approved', new.candidate_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER approved BEFORE INSERT OR UPDATE ON ops.vintage
FOR EACH ROW EXECUTE FUNCTION ops.require_approval();

DO $$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY['candidate', 'gate_finding', 'gate_difference', 'decision', 'waiver', 'waiver_use'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change()', ledger
        );
        EXECUTE format('GRANT SELECT, INSERT ON ops.%I TO migstats_etl', ledger);
    END LOOP;
END
$$;

CREATE VIEW ops.open_decision AS
SELECT
    c.candidate_id,
    c.source,
    c.release,
    c.breaches,
    c.run_id,
    c.judged_at
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
WHERE
    c.breaches > 0 AND d.candidate_id IS NULL
    AND c.base_vintage IS NOT DISTINCT FROM (
        SELECT max(v.vintage_id) FROM ops.vintage AS v
        WHERE v.source = c.source
    )
    AND NOT EXISTS (
        SELECT 1 FROM ops.candidate AS newer
        WHERE newer.source = c.source AND newer.judged_at > c.judged_at
    );

COMMENT ON VIEW ops.open_decision IS 'Candidates that wait for a person: the last one of a source that still compares with what stands';
