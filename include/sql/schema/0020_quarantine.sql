-- What stands in quarantine now, for who asks without knowing the ledgers: ops.quarantine has the rows of every load, and
-- of each slice only the last load counts.
CREATE VIEW ops.last_load AS
WITH loads AS (
    SELECT
        load_id,
        max(outcome_id) AS outcome_id
    FROM ops.outcome
    WHERE step = 'load' AND status <> 'failed' AND load_id IS NOT NULL
    GROUP BY load_id
)

SELECT DISTINCT ON (n.source, n.slice, n.release)
    n.source,
    n.dataset,
    n.slice,
    n.release,
    l.load_id
FROM loads AS l
INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
INNER JOIN raw.snapshot AS n ON b.snapshot_id = n.snapshot_id
ORDER BY n.source ASC, n.slice ASC, n.release ASC, l.outcome_id DESC;

COMMENT ON VIEW ops.last_load IS 'The last load of each slice and release; one that changed nothing is the last one too';
COMMENT ON COLUMN ops.last_load.release IS 'Edition of the publisher; empty where the source has none';
COMMENT ON COLUMN ops.last_load.load_id IS 'The load in ops.load';

CREATE VIEW ops.standing_quarantine AS
SELECT
    l.source,
    l.dataset,
    l.slice,
    l.release,
    q.reason,
    q.column_name,
    q.code,
    q.place,
    q.raw,
    q.suggestion,
    n.sha256,
    l.load_id
FROM ops.last_load AS l
INNER JOIN ops.quarantine AS q ON l.load_id = q.load_id
INNER JOIN raw.snapshot AS n
    ON q.snapshot_id = n.snapshot_id AND l.source = n.source AND l.slice = n.slice AND l.release = n.release;

COMMENT ON VIEW ops.standing_quarantine IS
'Cells that could not become observations in the last load of each slice: where, why, what stands there';
COMMENT ON COLUMN ops.standing_quarantine.release IS 'Edition of the publisher; empty where the source has none';
COMMENT ON COLUMN ops.standing_quarantine.reason IS 'One of a closed list; CONTRIBUTING.md says what to do about each';
COMMENT ON COLUMN ops.standing_quarantine.column_name IS 'Columns of the publisher that it is about; empty: none';
COMMENT ON COLUMN ops.standing_quarantine.code IS 'What stands in these columns';
COMMENT ON COLUMN ops.standing_quarantine.place IS 'Where the figure stands in the snapshot';
COMMENT ON COLUMN ops.standing_quarantine.raw IS 'The figure as it is printed';
COMMENT ON COLUMN ops.standing_quarantine.suggestion IS 'Code of ours that comes closest, or what to declare; NULL where there is none';
COMMENT ON COLUMN ops.standing_quarantine.sha256 IS 'The snapshot, as raw.snapshot and the lake name it';
COMMENT ON COLUMN ops.standing_quarantine.load_id IS 'The load in ops.load';

CREATE VIEW ops.quarantine_summary AS
WITH held AS (
    SELECT
        source,
        reason,
        column_name,
        count(*) AS cells,
        count(DISTINCT code) AS codes,
        (array_agg(code ORDER BY slice, release, place, code))[1] AS code,
        (array_agg(slice || ' ' || place ORDER BY slice, release, place, code))[1] AS place,
        (array_agg(suggestion ORDER BY slice, release, place, code))[1] AS suggestion
    FROM ops.standing_quarantine
    GROUP BY source, reason, column_name
),

figures AS (
    SELECT
        l.source,
        sum(b.loaded + b.unchanged + b.quarantined) AS figures
    FROM ops.last_load AS l
    INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
    INNER JOIN raw.snapshot AS n
        ON b.snapshot_id = n.snapshot_id AND l.source = n.source AND l.slice = n.slice AND l.release = n.release
    GROUP BY l.source
)

SELECT
    h.source,
    h.reason,
    h.column_name,
    h.cells,
    h.codes,
    h.code,
    h.place,
    h.suggestion,
    h.cells / f.figures::double precision AS share
FROM held AS h
INNER JOIN figures AS f ON h.source = f.source;

COMMENT ON VIEW ops.quarantine_summary IS 'What stands in quarantine by source, reason and column, each with an example';
COMMENT ON COLUMN ops.quarantine_summary.reason IS 'One of a closed list; CONTRIBUTING.md says what to do about each';
COMMENT ON COLUMN ops.quarantine_summary.column_name IS 'Columns of the publisher that it is about; empty: none';
COMMENT ON COLUMN ops.quarantine_summary.cells IS 'Cells in quarantine';
COMMENT ON COLUMN ops.quarantine_summary.codes IS 'How many different codes stand in these columns';
COMMENT ON COLUMN ops.quarantine_summary.code IS 'Of the first of these cells, as an example: what stands in these columns';
COMMENT ON COLUMN ops.quarantine_summary.place IS 'Of the example: slice and place in the snapshot';
COMMENT ON COLUMN ops.quarantine_summary.suggestion IS 'Of the example: code of ours that comes closest, or what to declare';
COMMENT ON COLUMN ops.quarantine_summary.share IS
'Part of all figures of these loads (loaded, unchanged, quarantined); quarantine_bound of source.yaml is about all reasons';

GRANT SELECT ON ops.last_load, ops.standing_quarantine, ops.quarantine_summary TO migstats_etl;
