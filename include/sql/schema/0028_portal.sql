-- The portal of officials: who is signed in, and how often somebody tried.
CREATE TABLE ops.portal_session (
    token_sha256 text PRIMARY KEY CHECK (length(token_sha256) = 64),
    official text NOT NULL REFERENCES ops.official (name),
    language text NOT NULL CHECK (language IN ('en', 'fr', 'es', 'ar', 'ru')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);

COMMENT ON TABLE ops.portal_session IS 'Sessions of the portal: over after 8 hours, 30 minutes without a request, or sign-out';
COMMENT ON COLUMN ops.portal_session.token_sha256 IS 'Hash of what the cookie holds; the token itself is kept nowhere';

CREATE TABLE ops.portal_attempt (
    key_sha256 text NOT NULL CHECK (length(key_sha256) = 64),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ops.portal_attempt IS 'What is limited in number: failed sign-ins by name and address, uploads by official; kept for a day';
COMMENT ON COLUMN ops.portal_attempt.key_sha256 IS 'Hash of what is counted, so that no address of a person is kept';
CREATE INDEX portal_attempt_key ON ops.portal_attempt (key_sha256, at);
CREATE INDEX portal_attempt_at ON ops.portal_attempt (at);

-- Whoever changes a password or takes an account away: what is signed in with it is signed out.
CREATE FUNCTION ops.end_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ops.portal_session SET ended_at = clock_timestamp()
    WHERE official = new.name AND ended_at IS NULL;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION ops.end_sessions() FROM public;

CREATE TRIGGER end_sessions AFTER UPDATE OF password, active, country ON ops.official
FOR EACH ROW EXECUTE FUNCTION ops.end_sessions();

-- The portal reads accounts, since nobody is known before they signed in, and changes the password of whom it serves.
ALTER TABLE ops.official ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_it ON ops.official TO migstats_etl USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON ops.official FOR SELECT TO migstats_portal USING (true);
CREATE POLICY own_password ON ops.official FOR UPDATE TO migstats_portal
USING (name = current_setting('migstats.official', true))
WITH CHECK (name = current_setting('migstats.official', true));
GRANT UPDATE (password) ON ops.official TO migstats_portal;

GRANT SELECT, INSERT, DELETE ON ops.portal_session TO migstats_portal;
GRANT UPDATE (seen_at, ended_at, language) ON ops.portal_session TO migstats_portal;
GRANT SELECT, INSERT, DELETE ON ops.portal_attempt TO migstats_portal;
GRANT SELECT, DELETE ON ops.portal_session, ops.portal_attempt TO migstats_etl;
