-- Figures that are made from records: one row in quarantine may stand for many cells of the payload, and the cells of one
-- observation are explained as `aggregated`, but for one. Shares are of cells that say something, on both sides.
ALTER TABLE ops.quarantine ADD COLUMN cells bigint NOT NULL DEFAULT 1 CHECK (cells > 0);

COMMENT ON COLUMN ops.quarantine.cells IS
'How many cells of the payload the row stands for: one, but for a figure that was made from records';

CREATE OR REPLACE VIEW ops.standing_quarantine AS
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
    l.load_id,
    q.cells
FROM ops.last_load AS l
INNER JOIN ops.quarantine AS q ON l.load_id = q.load_id
INNER JOIN raw.snapshot AS n
    ON q.snapshot_id = n.snapshot_id AND l.source = n.source AND l.slice = n.slice AND l.release = n.release;

COMMENT ON COLUMN ops.standing_quarantine.cells IS
'How many cells of the payload the row stands for: one, but for a figure that was made from records';

CREATE OR REPLACE VIEW ops.quarantine_summary AS
WITH held AS (
    SELECT
        source,
        reason,
        column_name,
        sum(cells)::bigint AS cells,
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
        sum(b.loaded + b.unchanged + b.quarantined + coalesce(e.cells, 0)) AS figures
    FROM ops.last_load AS l
    INNER JOIN ops.load_snapshot AS b ON l.load_id = b.load_id
    INNER JOIN raw.snapshot AS n
        ON b.snapshot_id = n.snapshot_id AND l.source = n.source AND l.slice = n.slice AND l.release = n.release
    LEFT JOIN ops.explained AS e
        ON b.load_id = e.load_id AND b.snapshot_id = e.snapshot_id AND e.reason = 'aggregated'
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

COMMENT ON COLUMN ops.quarantine_summary.share IS
'Part of all cells of these loads that say something (loaded, unchanged, quarantined, aggregated); quarantine_bound of source.yaml is about all reasons';
