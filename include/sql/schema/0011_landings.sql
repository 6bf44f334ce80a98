-- One row for each time that a slice came through whole: what a load, a replay and a rebuild go by. Append-only.
CREATE TABLE raw.landing (
    landing_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    dataset text NOT NULL,
    slice text NOT NULL,
    release text NOT NULL,
    landed_at timestamptz NOT NULL,
    run_id text NOT NULL,
    landed jsonb NOT NULL,
    UNIQUE (source, slice, release, landed_at)
);

COMMENT ON TABLE raw.landing IS 'Ledger of the slices that landed whole, each with its pages';
COMMENT ON COLUMN raw.landing.landed_at IS 'When the last page was served';
COMMENT ON COLUMN raw.landing.landed IS 'Slice, pages with their sha256, release time: what reading it needs';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON raw.landing
FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change();

-- A landing is settled when it was loaded (with or without a change), or refused by a person.
CREATE TABLE ops.settled (
    landing_id bigint PRIMARY KEY REFERENCES raw.landing,
    load_id text REFERENCES ops.load,
    reason text NOT NULL CHECK (reason IN ('loaded', 'refused', 'superseded')),
    CONSTRAINT loaded_by CHECK ((reason = 'loaded') = (load_id IS NOT NULL))
);

COMMENT ON TABLE ops.settled IS 'Landings that need no further load; the others are waiting, however old they are';

-- What each load was made of, and with which facts of ours: enough to make it again.
CREATE TABLE ops.load_landing (
    load_id text NOT NULL REFERENCES ops.load,
    landing_id bigint NOT NULL REFERENCES raw.landing,
    made_with text NOT NULL,
    PRIMARY KEY (load_id, landing_id)
);

COMMENT ON COLUMN ops.load_landing.made_with IS
'Declaration, codes, corrections and codelists that the landing was read with: a folder of the lake with this hash';

GRANT SELECT, INSERT ON raw.landing, ops.settled, ops.load_landing TO migstats_etl;
