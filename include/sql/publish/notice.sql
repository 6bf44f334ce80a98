CREATE OR REPLACE VIEW bi.notice AS
-- The load that brought each slice of what is shown, or said the same again.
WITH standing AS (
    SELECT DISTINCT ON (l.source, n.slice, n.release)
        l.source,
        l.load_id
    FROM ops.publication AS p
    INNER JOIN ops.load AS l ON p.source = l.source AND p.vintage_id >= l.vintage_id
    INNER JOIN ops.load_landing AS m ON l.load_id = m.load_id
    INNER JOIN raw.landing AS n ON m.landing_id = n.landing_id
    ORDER BY l.source ASC, n.slice ASC, n.release ASC, l.finished_at DESC
),

-- The last run that came through with it: its judgement counts, not that of a run that was refused.
of_slices AS (
    SELECT DISTINCT ON (s.source, s.load_id)
        s.source,
        o.run_id
    FROM standing AS s
    INNER JOIN ops.outcome AS o ON s.source = o.source AND s.load_id = o.load_id
    WHERE o.step = 'load' AND o.status <> 'failed'
    ORDER BY s.source ASC, s.load_id ASC, o.outcome_id DESC
),

-- The whole source is judged before each publish.
of_source AS (
    SELECT DISTINCT ON (p.source)
        p.source,
        o.run_id
    FROM ops.publication AS p
    INNER JOIN ops.outcome AS o ON p.source = o.source AND p.vintage_id = o.vintage_id
    WHERE o.step = 'publish' AND o.status = 'done'
    ORDER BY p.source ASC, o.outcome_id DESC
),

judged AS (
    SELECT DISTINCT ON (j.source, j.run_id, j.suite, j.rule, j.expectation, j.column_name)
        j.source,
        j.suite,
        j.rule,
        j.expectation,
        j.column_name,
        j.severity,
        j.success,
        j.evaluated,
        j.unexpected,
        j.reason
    FROM ops.validation_result AS j
    INNER JOIN (
        SELECT DISTINCT
            source,
            run_id
        FROM of_slices
        UNION
        SELECT
            source,
            run_id
        FROM of_source
    ) AS r ON j.source = r.source AND j.run_id = r.run_id
    ORDER BY
        j.source ASC, j.run_id ASC, j.suite ASC, j.rule ASC, j.expectation ASC, j.column_name ASC, j.checked_at DESC
)

SELECT
    j.source,
    j.suite,
    coalesce(nullif(j.rule, ''), j.expectation) AS rule,
    sum(j.unexpected)::text || ' of ' || sum(j.evaluated)::text || ' failed: ' || max(j.reason) AS message,
    (
        SELECT min(f.checked_at) FROM ops.validation_result AS f
        WHERE
            f.source = j.source AND f.suite = j.suite AND f.rule = j.rule AND f.expectation = j.expectation
            AND f.column_name = j.column_name AND NOT f.success
            AND NOT EXISTS (
                SELECT 1 FROM ops.validation_result AS g
                WHERE
                    g.source = f.source AND g.suite = f.suite AND g.rule = f.rule AND g.expectation = f.expectation
                    AND g.column_name = f.column_name AND g.success AND g.checked_at > f.checked_at
            )
    ) AS since
FROM judged AS j
WHERE NOT j.success AND j.severity = 'warning'
GROUP BY j.source, j.suite, j.rule, j.expectation, j.column_name;

COMMENT ON VIEW bi.notice IS
'Warnings about the figures that are shown: rules that they do not keep, and that are no reason to hold them back. Show them beside the figures of the source';
COMMENT ON COLUMN bi.notice.source IS 'Source whose figures the warning is about, see dim_source';
COMMENT ON COLUMN bi.notice.suite IS 'Set of rules: landed, observation, warehouse, or that of the source';
COMMENT ON COLUMN bi.notice.rule IS 'Name of the rule in its set';
COMMENT ON COLUMN bi.notice.message IS 'How many rows do not keep the rule, and why the rule is there';
COMMENT ON COLUMN bi.notice.since IS 'When it began: the first time that it failed and was not kept again since; NULL where that is not known';
