-- What is published went through disclosure control: every figure of bi carries the run that let it through, and the
-- database refuses one without, or one that no run may let through.
ALTER TABLE ref.source
ADD COLUMN disclosure text NOT NULL DEFAULT 'inherit' CHECK (disclosure IN ('inherit', 'threshold', 'rounding')),
ADD COLUMN disclosure_limit integer,
ADD COLUMN disclosure_rule text NOT NULL DEFAULT '{}';

COMMENT ON COLUMN ref.source.disclosure IS
'Policy of disclosure control: inherit (as the publisher published it), threshold (small counts of persons are hidden), rounding';
COMMENT ON COLUMN ref.source.disclosure_limit IS 'Counts of persons below it are hidden, or are rounded to multiples of it';
COMMENT ON COLUMN ref.source.disclosure_rule IS 'The whole policy, as declared in source.yaml (JSON)';

CREATE SEQUENCE ops.disclosure_number AS integer;

CREATE TABLE ops.disclosure (
    disclosure_id integer PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    vintage_id integer REFERENCES ops.vintage,
    run_id text NOT NULL,
    cells integer NOT NULL,
    primary_cells integer NOT NULL,
    secondary_cells integer NOT NULL,
    rounded_cells integer NOT NULL,
    exposed_cells integer NOT NULL,
    policy text NOT NULL,
    policy_limit integer,
    policy_hash text NOT NULL,
    transaction_id xid8 NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX disclosure_source ON ops.disclosure (source, vintage_id);

COMMENT ON TABLE ops.disclosure IS
'Runs of disclosure control: one per source and publication, also where nothing is hidden; append-only';
COMMENT ON COLUMN ops.disclosure.vintage_id IS 'Newest vintage of the source that it looked at; NULL: figures of our own';
COMMENT ON COLUMN ops.disclosure.cells IS 'Figures that were looked at one by one; 0 where the policy hides none';
COMMENT ON COLUMN ops.disclosure.primary_cells IS 'Hidden because they are small, or because their sender says so';
COMMENT ON COLUMN ops.disclosure.secondary_cells IS 'Hidden so that no other hidden one can be worked out';
COMMENT ON COLUMN ops.disclosure.rounded_cells IS 'Published at a multiple of the base';
COMMENT ON COLUMN ops.disclosure.exposed_cells IS
'Hidden, but what was published before lets a reader learn more of them than the policy allows';
COMMENT ON COLUMN ops.disclosure.policy_hash IS 'The whole policy; what another policy hid says nothing of what this one hides';
COMMENT ON COLUMN ops.disclosure.transaction_id IS 'The transaction that the run is good for, and no other';

CREATE FUNCTION ops.stamp_disclosure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    -- a run says of itself neither when it was, nor by which policy
    NEW.transaction_id := pg_current_xact_id();
    NEW.at := clock_timestamp();
    SELECT s.disclosure, s.disclosure_limit, md5(s.disclosure || s.disclosure_rule)
    INTO NEW.policy, NEW.policy_limit, NEW.policy_hash
    FROM ref.source AS s WHERE s.code = NEW.source;
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON ops.disclosure FOR EACH ROW EXECUTE FUNCTION ops.stamp_disclosure();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.disclosure
FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change();

-- Once for each statement, however many rows it writes.
CREATE FUNCTION ops.require_disclosure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    without text;
BEGIN
    SELECT min(n.source) INTO without
    FROM (SELECT DISTINCT w.source, w.disclosure FROM written AS w) AS n
    LEFT JOIN ops.disclosure AS d
        ON n.disclosure = d.disclosure_id AND n.source = d.source AND d.transaction_id = pg_current_xact_id()
    WHERE d.disclosure_id IS NULL;
    IF without IS NOT NULL THEN
        RAISE EXCEPTION 'figures of % cannot be published: no run of disclosure control in this transaction let them through',
            without;
    END IF;
    SELECT min(w.source) INTO without
    FROM written AS w
    INNER JOIN ref.source AS s ON w.source = s.code
    INNER JOIN ref.indicator AS i ON w.indicator = i.code
    WHERE
        w.published_value IS NOT NULL
        AND (
            w.conf_status IN ('C', 'N', 'D', 'S')
            OR (
                s.disclosure <> 'inherit' AND w.unit = 'PS'
                AND CASE s.disclosure
                    WHEN 'threshold' THEN
                        w.published_value > 0 AND w.published_value < s.disclosure_limit AND i.min_value >= 0
                    ELSE w.published_value::numeric % s.disclosure_limit <> 0
                END
            )
        );
    IF without IS NOT NULL THEN
        RAISE EXCEPTION 'figures of % cannot be published: some are confidential, or not as its policy of disclosure control says',
            without;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER disclosed_insert AFTER INSERT ON bi.observation_all
REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ops.require_disclosure();
CREATE TRIGGER disclosed_update AFTER UPDATE ON bi.observation_all
REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION ops.require_disclosure();

CREATE FUNCTION ops.require_disclosure_of_source() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ops.disclosure AS d
        WHERE d.source = NEW.source AND d.vintage_id = NEW.vintage_id AND d.transaction_id = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'vintage % of % cannot be published: it went through no run of disclosure control',
            NEW.vintage_id, NEW.source;
    END IF;
    RETURN NEW;
END
$$;

-- Everything is published once more, through disclosure control.
ALTER TABLE ops.publication ADD COLUMN disclosure_rule text;
COMMENT ON COLUMN ops.publication.disclosure_rule IS
'Policy that it was published under; where the declaration says another one now, it is published once more';
CREATE TRIGGER disclosed BEFORE INSERT OR UPDATE OF vintage_id, disclosure_rule ON ops.publication
FOR EACH ROW EXECUTE FUNCTION ops.require_disclosure_of_source();

-- Which figures readers do not see as they are: also in what is said of the past, of places and of corrections.
CREATE TABLE core.suppressed (
    observation_id text NOT NULL,
    vintage integer NOT NULL,
    source text NOT NULL REFERENCES ref.source,
    kind text NOT NULL CHECK (kind IN ('C', 'D', 'R')),
    told boolean NOT NULL,
    conf_status text NOT NULL,
    value double precision,
    shown double precision,
    standing boolean NOT NULL,
    disclosure integer NOT NULL REFERENCES ops.disclosure,
    PRIMARY KEY (observation_id, vintage)
);
CREATE INDEX suppressed_standing ON core.suppressed (source) WHERE standing;

COMMENT ON TABLE core.suppressed IS 'Figures that were hidden or rounded in a publication: an internal table, with what they are';
COMMENT ON COLUMN core.suppressed.kind IS 'C small, or confidential to its sender; D hidden beside those; R rounded';
COMMENT ON COLUMN core.suppressed.told IS 'Whether readers may see if it is a C or a D; where not, C stands on all';
COMMENT ON COLUMN core.suppressed.value IS 'The figure';
COMMENT ON COLUMN core.suppressed.shown IS 'What readers see instead; NULL: nothing';
COMMENT ON COLUMN core.suppressed.standing IS 'Whether it is so in what bi shows now';
COMMENT ON COLUMN core.suppressed.disclosure IS 'The run that hid or rounded it last';

-- Whoever knows all of a file but one figure could try which one gives its hash.
CREATE TABLE core.withheld_snapshot (snapshot_id integer PRIMARY KEY REFERENCES raw.snapshot);
COMMENT ON TABLE core.withheld_snapshot IS
'Snapshots with a figure that was hidden or rounded: their hash and size are not told to readers';

GRANT SELECT, INSERT ON core.withheld_snapshot TO migstats_etl;
GRANT SELECT, INSERT ON ops.disclosure TO migstats_etl;
GRANT USAGE ON SEQUENCE ops.disclosure_number TO migstats_etl;
GRANT SELECT, INSERT, UPDATE ON core.suppressed TO migstats_etl;
