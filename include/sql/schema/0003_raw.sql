-- One row per payload that a publisher served for a slice. Append-only: bytes that were seen stay seen.
CREATE TABLE raw.snapshot (
    snapshot_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL REFERENCES ref.source,
    dataset text NOT NULL,
    slice text NOT NULL,
    release text NOT NULL,
    part integer NOT NULL CHECK (part >= 1),
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint NOT NULL CHECK (bytes > 0),
    url text NOT NULL,
    media_type text,
    etag text,
    last_modified text,
    retrieved_at timestamptz NOT NULL,
    UNIQUE (source, slice, release, part, sha256)
);

COMMENT ON TABLE raw.snapshot IS 'Ledger of the exact bytes served for each part of each slice';
COMMENT ON COLUMN raw.snapshot.part IS 'Page of a paged slice, from 1';
COMMENT ON COLUMN raw.snapshot.url IS 'As asked, secrets replaced by ***';

CREATE FUNCTION raw.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', tg_table_schema, tg_table_name, tg_op;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON raw.snapshot
FOR EACH STATEMENT EXECUTE FUNCTION raw.refuse_change();
