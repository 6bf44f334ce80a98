-- Workbooks that countries send: what came, what was understood, what was found, and every step with who, when and of
-- which content. All of it is appended; what an upload is now is its last event.
CREATE TABLE ops.official (
    name text PRIMARY KEY CHECK (name = lower(name) AND name <> ''),
    country text NOT NULL REFERENCES ref.area (code),
    language text NOT NULL CHECK (language IN ('en', 'fr', 'es', 'ar', 'ru')),
    email text NOT NULL CHECK (email LIKE '%_@_%'),
    password text NOT NULL CHECK (password LIKE '$argon2id$%'),
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.official IS 'Accounts of the portal: officials, each for one country';
COMMENT ON COLUMN ops.official.password IS 'Hash by Argon2id; the password itself is kept nowhere';

CREATE TABLE ops.upload (
    upload_id text PRIMARY KEY CHECK (upload_id ~ '^[A-Z]{3}-[0-9]{4}-[0-9A-Z]{8}$'),
    country text NOT NULL REFERENCES ref.area (code),
    form text NOT NULL,
    year smallint NOT NULL CHECK (year BETWEEN 1950 AND 2100),
    language text NOT NULL CHECK (language IN ('en', 'fr', 'es', 'ar', 'ru')),
    channel text NOT NULL CHECK (channel IN ('portal', 'folder', 'command')),
    sent_by text NOT NULL CHECK (sent_by <> ''),
    file_name text NOT NULL,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.upload IS 'Workbooks that countries sent, by the number of their receipt';
COMMENT ON COLUMN ops.upload.sha256 IS 'Hash of the workbook; the same bytes of the same form, country and year are one upload';
CREATE INDEX upload_of ON ops.upload (country, form, year, sha256);

CREATE TABLE ops.upload_reading (
    upload_id text PRIMARY KEY REFERENCES ops.upload,
    snapshot text CHECK (length(snapshot) = 64),
    content_sha256 text CHECK (length(content_sha256) = 64),
    figures integer NOT NULL CHECK (figures >= 0),
    cells integer NOT NULL CHECK (cells >= figures),
    preview jsonb NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((snapshot IS null) = (content_sha256 IS null))
);

COMMENT ON TABLE ops.upload_reading IS 'What was understood of an upload';
COMMENT ON COLUMN ops.upload_reading.snapshot IS 'The canonical table that its figures are read from, by its hash in the lake; NULL: refused';
COMMENT ON COLUMN ops.upload_reading.content_sha256 IS 'Hash of the figures without where they stand: what is confirmed and approved';
COMMENT ON COLUMN ops.upload_reading.cells IS 'Cells of the table that could hold a figure';
COMMENT ON COLUMN ops.upload_reading.preview IS 'First rows, totals, detected language and columns, for the official to look at';

CREATE TABLE ops.upload_finding (
    upload_id text NOT NULL REFERENCES ops.upload,
    number integer NOT NULL CHECK (number > 0),
    code text NOT NULL,
    weight text NOT NULL CHECK (weight IN ('refused', 'error', 'question', 'notice')),
    sheet text NOT NULL,
    sheet_row integer NOT NULL CHECK (sheet_row >= 0),
    sheet_column integer NOT NULL CHECK (sheet_column >= 0),
    seen text NOT NULL,
    words jsonb NOT NULL,
    PRIMARY KEY (upload_id, number)
);

COMMENT ON TABLE ops.upload_finding IS 'What is wrong, asked or noticed in an upload, in sheet and cell order';

CREATE TABLE ops.upload_answer (
    upload_id text NOT NULL,
    number integer NOT NULL,
    answer text NOT NULL CHECK (length(answer) >= 3),
    answered_by text NOT NULL CHECK (answered_by <> ''),
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (upload_id, number),
    FOREIGN KEY (upload_id, number) REFERENCES ops.upload_finding
);

COMMENT ON TABLE ops.upload_answer IS 'What the official says to a question about an upload';

CREATE TABLE ops.upload_event (
    upload_id text NOT NULL REFERENCES ops.upload,
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL CHECK (
        state IN (
            'received', 'rejected', 'checked', 'ready', 'submitted', 'approved', 'published', 'superseded', 'withdrawn'
        )
    ),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL CHECK (who <> ''),
    content_sha256 text,
    candidate_id text REFERENCES ops.candidate,
    vintage_id integer,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (upload_id, number)
);

COMMENT ON TABLE ops.upload_event IS 'Each change of state of an upload: who, when, of which content, and why';

CREATE VIEW ops.upload_now WITH (security_invoker = true) AS
SELECT
    u.upload_id,
    u.country,
    u.form,
    u.year,
    u.language,
    u.channel,
    u.sent_by,
    u.file_name,
    u.sha256,
    u.bytes,
    u.received_at,
    e.number,
    e.state,
    e.at,
    e.who,
    e.reason,
    r.snapshot,
    r.content_sha256,
    r.figures,
    r.cells,
    r.preview
FROM ops.upload AS u
INNER JOIN LATERAL (
    SELECT
        v.number,
        v.state,
        v.at,
        v.who,
        v.reason
    FROM ops.upload_event AS v
    WHERE v.upload_id = u.upload_id
    ORDER BY v.number DESC
    LIMIT 1
) AS e ON true
LEFT JOIN ops.upload_reading AS r ON u.upload_id = r.upload_id;

COMMENT ON VIEW ops.upload_now IS 'Uploads with the state in which they are';

-- The steps that there are, and that one is not skipped; the database holds it, whoever writes.
CREATE FUNCTION ops.require_step() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text;
    content text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('migstats.upload ' || new.upload_id, 0));
    SELECT state INTO before FROM ops.upload_event
    WHERE upload_id = new.upload_id
    ORDER BY number DESC
    LIMIT 1;
    IF NOT (coalesce(before, ''), new.state) IN (
        ('', 'received'),
        ('received', 'rejected'), ('received', 'checked'), ('received', 'ready'), ('received', 'withdrawn'),
        ('checked', 'ready'), ('checked', 'withdrawn'),
        ('ready', 'submitted'), ('ready', 'withdrawn'),
        ('submitted', 'ready'), ('submitted', 'approved'), ('submitted', 'rejected'), ('submitted', 'superseded'),
        ('submitted', 'withdrawn'),
        ('approved', 'published'), ('approved', 'superseded'), ('published', 'superseded'), ('published', 'withdrawn')
    ) THEN
        RAISE EXCEPTION 'upload % is %, and cannot become %', new.upload_id, coalesce(before, 'new'), new.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF new.state = 'submitted' THEN
        SELECT content_sha256 INTO content FROM ops.upload_reading WHERE upload_id = new.upload_id;
        IF content IS NULL OR content IS DISTINCT FROM new.content_sha256 THEN
            RAISE EXCEPTION 'upload %: what was confirmed (%) is not what was understood (%)',
                new.upload_id, new.content_sha256, content USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (
            SELECT 1 FROM ops.upload_finding AS f
            LEFT JOIN ops.upload_answer AS a ON f.upload_id = a.upload_id AND f.number = a.number
            WHERE f.upload_id = new.upload_id
                AND (f.weight IN ('refused', 'error') OR (f.weight = 'question' AND a.answer IS NULL))
        ) THEN
            RAISE EXCEPTION 'upload % has errors, or questions that nobody answered', new.upload_id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    SELECT coalesce(max(number), 0) + 1 INTO new.number FROM ops.upload_event WHERE upload_id = new.upload_id;
    RETURN new;
END
$$;

CREATE TRIGGER step BEFORE INSERT ON ops.upload_event
FOR EACH ROW EXECUTE FUNCTION ops.require_step();

-- Nobody approves what they sent or confirmed themselves.
CREATE FUNCTION ops.require_second_person() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF new.verdict = 'approved' AND EXISTS (
        SELECT 1 FROM ops.upload_candidate AS c
        INNER JOIN ops.upload AS u ON c.upload_id = u.upload_id
        LEFT JOIN ops.upload_event AS e ON u.upload_id = e.upload_id AND e.state = 'submitted'
        WHERE c.candidate_id = new.candidate_id AND lower(new.decided_by) IN (lower(u.sent_by), lower(e.who))
    ) THEN
        RAISE EXCEPTION '% sent or confirmed these figures; somebody else has to approve them', new.decided_by
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TABLE ops.upload_candidate (
    candidate_id text NOT NULL REFERENCES ops.candidate,
    upload_id text NOT NULL REFERENCES ops.upload,
    PRIMARY KEY (candidate_id, upload_id)
);

COMMENT ON TABLE ops.upload_candidate IS 'Which uploads a candidate is made of';

CREATE TRIGGER second_person BEFORE INSERT ON ops.decision
FOR EACH ROW EXECUTE FUNCTION ops.require_second_person();

CREATE TABLE ops.upload_mail (
    upload_id text NOT NULL,
    number integer NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (upload_id, number),
    FOREIGN KEY (upload_id, number) REFERENCES ops.upload_event
);

COMMENT ON TABLE ops.upload_mail IS 'Of which steps the official was told by mail, once each';

DO $$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY[
        'upload', 'upload_reading', 'upload_finding', 'upload_answer', 'upload_event', 'upload_candidate', 'upload_mail'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change()', ledger
        );
        EXECUTE format('GRANT SELECT, INSERT ON ops.%I TO migstats_etl', ledger);
    END LOOP;
    -- The portal sees and writes what is of the country of whom it serves, and nothing else.
    FOREACH ledger IN ARRAY ARRAY['upload', 'upload_reading', 'upload_finding', 'upload_answer', 'upload_event'] LOOP
        EXECUTE format('ALTER TABLE ops.%I ENABLE ROW LEVEL SECURITY', ledger);
        EXECUTE format('CREATE POLICY all_of_it ON ops.%I TO migstats_etl USING (true) WITH CHECK (true)', ledger);
        EXECUTE format('GRANT SELECT ON ops.%I TO migstats_portal', ledger);
    END LOOP;
END
$$;

CREATE POLICY own_country ON ops.upload TO migstats_portal
USING (country = current_setting('migstats.country', true))
WITH CHECK (
    country = current_setting('migstats.country', true) AND channel = 'portal'
    AND sent_by = current_setting('migstats.official', true)
);
CREATE POLICY own_country ON ops.upload_reading FOR SELECT TO migstats_portal
USING (upload_id IN (SELECT u.upload_id FROM ops.upload AS u));
CREATE POLICY own_country ON ops.upload_finding FOR SELECT TO migstats_portal
USING (upload_id IN (SELECT u.upload_id FROM ops.upload AS u));
CREATE POLICY own_country ON ops.upload_answer TO migstats_portal
USING (upload_id IN (SELECT u.upload_id FROM ops.upload AS u))
WITH CHECK (
    upload_id IN (SELECT u.upload_id FROM ops.upload AS u)
    AND answered_by = current_setting('migstats.official', true)
);
CREATE POLICY own_country ON ops.upload_event TO migstats_portal
USING (upload_id IN (SELECT u.upload_id FROM ops.upload AS u))
WITH CHECK (
    upload_id IN (SELECT u.upload_id FROM ops.upload AS u)
    AND state IN ('received', 'ready', 'submitted', 'withdrawn') AND who = current_setting('migstats.official', true)
);

GRANT USAGE ON SCHEMA ops, ref TO migstats_portal;
GRANT SELECT ON ref.area, ref.subdivision TO migstats_portal;
GRANT INSERT ON ops.upload, ops.upload_answer, ops.upload_event TO migstats_portal;
GRANT SELECT ON ops.upload_now, ops.official TO migstats_portal;
GRANT SELECT ON ops.upload_now, ops.official TO migstats_etl;
GRANT INSERT, UPDATE ON ops.official TO migstats_etl;
-- 0009 took it from everybody; two sendings of one file at once take turns.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_xact_lock(bigint) TO migstats_portal;
