-- A candidate is compared with what stands of its own slices. What was accepted of others (another form of a country,
-- another year of a backfill) does not take the ground from under it.
ALTER TABLE ops.candidate ADD COLUMN slices text[];

COMMENT ON COLUMN ops.candidate.slices IS 'Slices that it speaks about; NULL for what was judged before they were kept: all of its source';
COMMENT ON COLUMN ops.candidate.base_vintage IS 'The last vintage in which one of its slices was loaded, when it was judged; NULL: none was';
COMMENT ON COLUMN ops.candidate.candidate_id IS 'Hash of what it says, of the vintage that it was compared with, and of the waivers that were open';

CREATE FUNCTION ops.vintage_of(of_source text, of_slices text[]) RETURNS integer
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT v.vintage_id FROM ops.vintage AS v
    WHERE v.source = of_source AND (
        of_slices IS NULL OR EXISTS (
            SELECT 1 FROM ops.load_snapshot AS l
            INNER JOIN raw.snapshot AS s ON l.snapshot_id = s.snapshot_id
            WHERE l.load_id = v.load_id AND s.slice = any(of_slices)
        )
    )
    ORDER BY v.vintage_id DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION ops.vintage_of IS 'The last vintage of a source in which one of these slices was loaded; of all its slices for NULL';
REVOKE EXECUTE ON FUNCTION ops.vintage_of FROM public;
GRANT EXECUTE ON FUNCTION ops.vintage_of TO migstats_etl;

CREATE OR REPLACE VIEW ops.open_decision AS
SELECT
    c.candidate_id,
    c.source,
    c.release,
    c.breaches,
    q.run_id,
    c.judged_at,
    q.asked_at,
    q.expires_at,
    q.alive_until IS NOT NULL AS in_airflow
FROM ops.question AS q
INNER JOIN ops.candidate AS c ON q.candidate_id = c.candidate_id
LEFT JOIN ops.decision AS d ON q.candidate_id = d.candidate_id
WHERE
    d.candidate_id IS NULL
    AND q.expires_at > clock_timestamp()
    AND coalesce(q.alive_until > clock_timestamp(), TRUE)
    AND c.base_vintage IS NOT DISTINCT FROM ops.vintage_of(c.source, c.slices)
    AND NOT EXISTS (
        SELECT 1 FROM ops.question AS n
        INNER JOIN ops.candidate AS o ON n.candidate_id = o.candidate_id
        WHERE
            o.source = c.source AND n.slices @> q.slices
            AND (n.landed_at, n.question_id) > (q.landed_at, q.question_id)
    );

-- An embargo: the official says from when what they confirm may be shown. It is in no table of facts before.
ALTER TABLE ops.upload_event ADD COLUMN embargo_until timestamptz;
ALTER TABLE ops.upload_event ADD CONSTRAINT embargo_of_confirmed CHECK (embargo_until IS NULL OR state = 'submitted');

COMMENT ON COLUMN ops.upload_event.embargo_until IS 'Not loaded, and so not published, before this moment, whoever approves it; NULL: no embargo';

CREATE OR REPLACE VIEW ops.upload_now WITH (security_invoker = TRUE) AS
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
    r.preview,
    c.embargo_until
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
) AS e ON TRUE
LEFT JOIN ops.upload_reading AS r ON u.upload_id = r.upload_id
LEFT JOIN LATERAL (
    SELECT v.embargo_until
    FROM ops.upload_event AS v
    WHERE v.upload_id = u.upload_id AND v.state = 'submitted'
    ORDER BY v.number DESC
    LIMIT 1
) AS c ON TRUE;

-- The database itself refuses a vintage of what is still under embargo.
CREATE FUNCTION ops.require_release() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    SELECT u.upload_id, u.embargo_until INTO held FROM ops.upload_candidate AS c
    INNER JOIN ops.upload_now AS u ON c.upload_id = u.upload_id
    WHERE c.candidate_id = new.candidate_id AND u.state = 'submitted' AND u.embargo_until > clock_timestamp()
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'upload % is under embargo until %', held.upload_id, held.embargo_until
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END
$$;

REVOKE EXECUTE ON FUNCTION ops.require_release FROM public;

CREATE TRIGGER released BEFORE INSERT ON ops.vintage
FOR EACH ROW EXECUTE FUNCTION ops.require_release();
