-- An address alone does not say what was asked of a server that takes a question by POST (PxWeb).
ALTER TABLE raw.snapshot ADD COLUMN request text CHECK (request <> '');

COMMENT ON COLUMN raw.snapshot.request IS 'Question that was sent to the address (body of a POST); null: a plain GET';
