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
