-- Who is asked what. A candidate waits for a person only while somebody is asked about it: a dry run asks nobody, a form
-- of Airflow that is gone asks nobody any more, and what landed later takes the place of what landed before.
CREATE TABLE ops.question (
    question_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id text NOT NULL REFERENCES ops.candidate,
    run_id text NOT NULL,
    slices text[] NOT NULL,
    landed_at timestamptz NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    alive_until timestamptz,
    CONSTRAINT expires_later CHECK (expires_at > asked_at)
);

COMMENT ON TABLE ops.question IS 'Questions to a person: about which candidate, in which run, until when';
COMMENT ON COLUMN ops.question.slices IS 'Slices (with their release) that the candidate speaks about';
COMMENT ON COLUMN ops.question.landed_at IS 'When the newest of them was served: the newer question takes the place of the older';
COMMENT ON COLUMN ops.question.expires_at IS 'Without an answer by then it is not accepted';
COMMENT ON COLUMN ops.question.alive_until IS
'The run that asks says again and again that its form is there, each time before this; NULL: asked on the command line';

CREATE INDEX question_candidate ON ops.question (candidate_id, question_id DESC);

GRANT SELECT, INSERT ON ops.question TO migstats_etl;
GRANT UPDATE (alive_until) ON ops.question TO migstats_etl;

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
    AND c.base_vintage IS NOT DISTINCT FROM (
        SELECT max(v.vintage_id) FROM ops.vintage AS v
        WHERE v.source = c.source
    )
    AND NOT EXISTS (
        SELECT 1 FROM ops.question AS n
        INNER JOIN ops.candidate AS o ON n.candidate_id = o.candidate_id
        WHERE
            o.source = c.source AND n.slices @> q.slices
            AND (n.landed_at, n.question_id) > (q.landed_at, q.question_id)
    );

COMMENT ON VIEW ops.open_decision IS
'Candidates that somebody is asked about now: not decided, not timed out, not replaced, and compared with what stands';

-- A load that was refused or superseded wrote nothing: it is not the last load of its source.
CREATE OR REPLACE VIEW ops.load_summary AS
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
WHERE o.step = 'load' AND o.status <> 'failed' AND o.error_class IS NULL
ORDER BY o.source ASC, o.outcome_id DESC;

-- Which rule of a suite it was: two rules may be the same expectation on the same column.
ALTER TABLE ops.validation_result ADD COLUMN rule text NOT NULL DEFAULT '';

COMMENT ON COLUMN ops.validation_result.rule IS 'Id of the rule in its suite; empty for what was judged before it was kept';
