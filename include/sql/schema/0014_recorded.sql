-- What bi says of history moves with a publication and not before, as the figures do. A release that comes late changes
-- the ranges of figures that are on record: the record that was is kept beside, with the vintages between which it held.
ALTER TABLE core.observation ADD COLUMN recorded_from integer;

COMMENT ON COLUMN core.observation.recorded_from IS
'Vintage that gave it its present range of releases; NULL where that is vintage_from';

CREATE TABLE core.superseded (LIKE core.observation INCLUDING CONSTRAINTS);
ALTER TABLE core.superseded
ALTER COLUMN recorded_from SET NOT NULL,
ADD COLUMN recorded_to integer NOT NULL,
ADD CONSTRAINT recorded_in_order CHECK (recorded_from < recorded_to);

CREATE INDEX superseded_source ON core.superseded (source, recorded_to);

COMMENT ON TABLE core.superseded IS
'Records of core.observation whose range of releases was changed by a release that came late, as they were';
COMMENT ON COLUMN core.superseded.recorded_from IS 'Vintage that gave it this range of releases';
COMMENT ON COLUMN core.superseded.recorded_to IS 'Vintage that gave it another one';

GRANT SELECT, INSERT ON core.superseded TO migstats_etl;

-- Figures of the past are looked up by their key; a first load has none, so the index costs it nothing.
CREATE INDEX past_rows ON core.observation (series_id, time_id, source) WHERE known_to IS NOT NULL;

ALTER TABLE core.observation DROP CONSTRAINT end_reason_known,
ADD CONSTRAINT end_reason_known CHECK (end_reason IN ('revised', 'deleted_at_source', 'remapped', 'repeated'));
ALTER TABLE core.superseded DROP CONSTRAINT end_reason_known,
ADD CONSTRAINT end_reason_known CHECK (end_reason IN ('revised', 'deleted_at_source', 'remapped', 'repeated'));

COMMENT ON COLUMN core.observation.end_reason IS
'revised: another figure came; deleted_at_source: the publisher dropped it; remapped: we had understood it otherwise; '
'repeated: the next release says the same, and was loaded before this one';

-- When readers began to see each vintage. The publication of a vintage is that of all before it.
CREATE TABLE ops.published (
    published_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    vintage_id integer NOT NULL REFERENCES ops.vintage,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.published IS 'Every publication of a source; append-only, and not taken away by a rebuild';

INSERT INTO ops.published (source, vintage_id, published_at)
SELECT
    source,
    vintage_id,
    published_at
FROM ops.publication
ORDER BY published_at;

CREATE VIEW ops.shown AS
SELECT
    v.vintage_id,
    v.source,
    v.accepted_at,
    (
        SELECT min(p.published_at) FROM ops.published AS p
        WHERE p.source = v.source AND p.vintage_id >= v.vintage_id
    ) AS shown_at
FROM ops.vintage AS v;

COMMENT ON VIEW ops.shown IS 'When readers of bi began to see each vintage; NULL where it is not published yet';

GRANT SELECT, INSERT ON ops.published TO migstats_etl;
GRANT SELECT ON ops.shown TO migstats_etl;

-- What happened stays told: the ledgers are only added to, by whoever it may be.
DO $$
DECLARE
    ledger text;
BEGIN
    FOREACH ledger IN ARRAY ARRAY[
        'vintage', 'load', 'load_snapshot', 'load_landing', 'explained', 'quarantine', 'outcome', 'settled',
        'validation_result', 'published'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ops.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change()', ledger
        );
    END LOOP;
END
$$;

-- What each state of a slice amounts to: the figures that have to be known at its release, proven after every load.
ALTER TABLE ops.slice_state ADD COLUMN figures bigint;

COMMENT ON COLUMN ops.slice_state.figures IS 'Figures of the slice at that release; NULL for what was loaded before';

-- Figures that stand otherwise than they were published, each with the record of corrections.csv that says so.
CREATE TABLE core.override (
    source text NOT NULL REFERENCES ref.source,
    series_id bigint NOT NULL,
    time_id integer NOT NULL REFERENCES ref.period,
    vintage_from integer NOT NULL,
    override_id text NOT NULL,
    published double precision NOT NULL,
    corrected double precision NOT NULL,
    why text NOT NULL,
    evidence text NOT NULL,
    author text NOT NULL,
    expires date NOT NULL,
    PRIMARY KEY (source, series_id, time_id, vintage_from)
);

COMMENT ON TABLE core.override IS 'Which figures of which vintage stand otherwise than published, and why';
COMMENT ON COLUMN core.override.override_id IS 'Id of the record in corrections.csv of the source';
COMMENT ON COLUMN core.override.published IS 'What the publisher prints';
COMMENT ON COLUMN core.override.corrected IS 'What stands instead';

GRANT SELECT, INSERT ON core.override TO migstats_etl;
