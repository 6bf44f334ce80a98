-- What stands against a source, who was told, and who asked for silence. An alert is a change of state, not a run: the
-- table has one row where something went wrong and one where it was well again.
CREATE TABLE ops.freshness (
    source text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('fresh', 'late', 'never', 'by hand', 'failing')),
    overdue boolean NOT NULL,
    loaded_at timestamptz,
    due_at timestamptz,
    details text NOT NULL,
    looked_at timestamptz NOT NULL
);

COMMENT ON TABLE ops.freshness IS
'How each declared source stands against its schedule, as maintain saw it last; one that never ran has a row too';
COMMENT ON COLUMN ops.freshness.loaded_at IS 'When a load last came to an end, with something new or without';
COMMENT ON COLUMN ops.freshness.due_at IS 'The tick of the schedule whose load had to be there by now';

CREATE TABLE ops.alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('late', 'failing', 'quarantine', 'decision', 'snapshot', 'slow')),
    change text NOT NULL CHECK (change IN ('raised', 'cleared')),
    message text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX alert_last ON ops.alert (source, kind, alert_id DESC);

COMMENT ON TABLE ops.alert IS 'One row per change of state of a source and a kind. Append-only';
COMMENT ON COLUMN ops.alert.source IS 'Source, or * for the publish of all';

CREATE FUNCTION ops.require_change() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    last_change text := coalesce(
        (
            SELECT a.change FROM ops.alert AS a
            WHERE a.source = new.source AND a.kind = new.kind
            ORDER BY a.alert_id DESC
            LIMIT 1
        ),
        'cleared'
    );
BEGIN
    IF new.change = last_change THEN
        RAISE EXCEPTION 'alert % of % is % already', new.kind, new.source, new.change
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER a_change BEFORE INSERT ON ops.alert
FOR EACH ROW EXECUTE FUNCTION ops.require_change();

CREATE TABLE ops.alert_told (
    alert_id bigint NOT NULL REFERENCES ops.alert,
    notifier text NOT NULL,
    told_at timestamptz NOT NULL,
    PRIMARY KEY (alert_id, notifier)
);

COMMENT ON TABLE ops.alert_told IS 'Which notifier told which alert: each of them tells each alert once. Append-only';

CREATE TABLE ops.silence (
    silence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('*', 'late', 'failing', 'quarantine', 'decision', 'snapshot', 'slow')),
    author text NOT NULL CHECK (author <> ''),
    reason text NOT NULL CHECK (length(reason) >= 10),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT expires_later CHECK (expires_at > created_at)
);

COMMENT ON TABLE ops.silence IS
'Holds alerts back until it expires; what still stands then is told. Of a source and kind the last one counts. Append-only';
COMMENT ON COLUMN ops.silence.kind IS 'Kind of alert, or * for all of the source';

CREATE VIEW ops.standing_alert AS
WITH last_change AS (
    SELECT DISTINCT ON (source, kind)
        alert_id,
        source,
        kind,
        change,
        message,
        at
    FROM ops.alert
    ORDER BY source ASC, kind ASC, alert_id DESC
),

last_silence AS (
    SELECT DISTINCT ON (source, kind)
        source,
        kind,
        expires_at
    FROM ops.silence
    ORDER BY source ASC, kind ASC, silence_id DESC
)

SELECT
    c.alert_id,
    c.source,
    c.kind,
    c.message,
    c.at AS since,
    (
        SELECT max(s.expires_at) FROM last_silence AS s
        WHERE s.source = c.source AND s.kind IN (c.kind, '*') AND s.expires_at > now()
    ) AS silent_until
FROM last_change AS c
WHERE c.change = 'raised';

COMMENT ON VIEW ops.standing_alert IS 'What stands now, and until when it is held back';

-- The last look at each snapshot of the lake. The bytes of a snapshot are never written again, but disks forget.
CREATE TABLE ops.verification (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    found text NOT NULL CHECK (found IN ('whole', 'damaged', 'missing')),
    verified_at timestamptz NOT NULL
);

COMMENT ON TABLE ops.verification IS 'What was found when each snapshot of the lake was last held against its hash';

DO $$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY['alert', 'alert_told', 'silence'] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change()', ledger
        );
        EXECUTE format('GRANT SELECT, INSERT ON ops.%I TO migstats_etl', ledger);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON ops.freshness TO migstats_etl;
GRANT SELECT, INSERT, UPDATE ON ops.verification TO migstats_etl;
GRANT SELECT ON ops.standing_alert TO migstats_etl;
