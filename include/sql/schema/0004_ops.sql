-- What was done, when, with what outcome.
CREATE SEQUENCE ops.vintage_number AS integer;

CREATE TABLE ops.vintage (
    vintage_id integer PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    release text NOT NULL,
    released_at timestamptz NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    load_id text NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    closed bigint NOT NULL,
    UNIQUE (source, load_id)
);

COMMENT ON COLUMN ops.vintage.released_at IS 'When the publisher put it out: orders the vintages of a source';
COMMENT ON COLUMN ops.vintage.accepted_at IS 'When we accepted it: what our readers could see from then on';

CREATE TABLE ops.load (
    load_id text PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    release text NOT NULL,
    released_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'unchanged')),
    vintage_id integer REFERENCES ops.vintage,
    run_id text NOT NULL,
    code_version text NOT NULL,
    codes_sha256 text NOT NULL,
    seconds double precision NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN ops.load.load_id IS 'Hash of the snapshots, codes and release: the same input is the same load';

CREATE TABLE ops.load_snapshot (
    load_id text NOT NULL REFERENCES ops.load,
    snapshot_id integer NOT NULL REFERENCES raw.snapshot,
    landed bigint NOT NULL,
    loaded bigint NOT NULL CHECK (loaded >= 0),
    unchanged bigint NOT NULL CHECK (unchanged >= 0),
    quarantined bigint NOT NULL CHECK (quarantined >= 0),
    explained bigint NOT NULL CHECK (explained >= 0),
    PRIMARY KEY (load_id, snapshot_id),
    CONSTRAINT balance CHECK (landed = loaded + unchanged + quarantined + explained)
);

CREATE TABLE ops.explained (
    load_id text NOT NULL REFERENCES ops.load,
    snapshot_id integer NOT NULL REFERENCES raw.snapshot,
    reason text NOT NULL,
    cells bigint NOT NULL CHECK (cells > 0),
    example text NOT NULL,
    PRIMARY KEY (load_id, snapshot_id, reason)
);

CREATE TABLE ops.quarantine (
    load_id text NOT NULL REFERENCES ops.load,
    snapshot_id integer NOT NULL REFERENCES raw.snapshot,
    place text NOT NULL,
    reason text NOT NULL,
    column_name text,
    code text,
    raw text,
    suggestion text
);

CREATE INDEX quarantine_load ON ops.quarantine (load_id);

CREATE TABLE ops.slice_state (
    source text NOT NULL REFERENCES ref.source,
    slice text NOT NULL,
    release text NOT NULL,
    content_sha256 text NOT NULL,
    facts_path text NOT NULL,
    facts_sha256 text NOT NULL,
    load_id text NOT NULL REFERENCES ops.load,
    landed_at timestamptz NOT NULL,
    PRIMARY KEY (source, slice, release)
);

COMMENT ON TABLE ops.slice_state IS 'The last accepted facts of each slice, as a file of the lake guarded by its hash';

CREATE TABLE ops.outcome (
    outcome_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL,
    source text NOT NULL,
    step text NOT NULL,
    slice text,
    status text NOT NULL CHECK (status IN ('done', 'skip', 'failed')),
    error_class text,
    message text,
    load_id text,
    vintage_id integer,
    snapshots bigint,
    landed bigint,
    loaded bigint,
    unchanged bigint,
    quarantined bigint,
    explained bigint,
    seconds double precision,
    at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE ops.outcome IS 'One row per attempt of a step, failures included';

CREATE INDEX outcome_source ON ops.outcome (source, step, outcome_id DESC);

CREATE TABLE ops.validation_result (
    run_id text NOT NULL,
    suite text NOT NULL,
    source text NOT NULL,
    expectation text NOT NULL,
    column_name text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    success boolean NOT NULL,
    evaluated bigint NOT NULL,
    unexpected bigint NOT NULL,
    reason text NOT NULL,
    failing text NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX validation_result_run ON ops.validation_result (source, checked_at DESC);

CREATE TABLE ops.publication (
    source text PRIMARY KEY REFERENCES ref.source,
    vintage_id integer NOT NULL REFERENCES ops.vintage,
    published_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE ops.publication IS 'The vintage of each source that bi shows';

CREATE VIEW ops.balance AS
SELECT
    l.load_id,
    l.source,
    s.snapshot_id,
    s.slice,
    s.part,
    s.sha256,
    b.landed,
    b.loaded,
    b.unchanged,
    b.quarantined,
    b.explained,
    b.landed - b.loaded - b.unchanged - b.quarantined - b.explained AS difference
FROM ops.load_snapshot AS b
INNER JOIN ops.load AS l ON b.load_id = l.load_id
INNER JOIN raw.snapshot AS s ON b.snapshot_id = s.snapshot_id;

COMMENT ON VIEW ops.balance IS 'One row per load and snapshot; difference is 0: no cell is lost in silence';

CREATE VIEW ops.load_summary AS
SELECT DISTINCT ON (o.source)
    o.source,
    o.snapshots,
    o.landed,
    o.loaded,
    o.unchanged,
    o.quarantined,
    o.explained,
    o.seconds,
    v.vintage_id AS vintage,
    v.released_at,
    v.release,
    o.status AS outcome,
    o.at
FROM ops.outcome AS o
LEFT JOIN LATERAL (
    SELECT
        vintage.vintage_id,
        vintage.released_at,
        vintage.release
    FROM ops.vintage
    WHERE vintage.source = o.source
    ORDER BY vintage.released_at DESC, vintage.vintage_id DESC
    LIMIT 1
) AS v ON TRUE
WHERE o.step = 'load' AND o.status <> 'failed'
ORDER BY o.source ASC, o.outcome_id DESC;

COMMENT ON VIEW ops.load_summary IS 'The last load of each source, and the vintage that it is at';
