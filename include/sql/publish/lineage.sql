CREATE OR REPLACE VIEW bi.lineage AS
-- Each figure as the vintage that bi shows brought it; the figure may have moved on since, in what is not published yet.
WITH shown AS (
    SELECT
        source,
        series_id,
        time_id,
        vintage_from,
        value,
        raw,
        place_id,
        place_row
    FROM core.observation
    WHERE known_to IS NULL
    UNION ALL
    SELECT
        source,
        series_id,
        time_id,
        vintage_from,
        value,
        raw,
        place_id,
        place_row
    FROM core.observation
    WHERE known_to IS NOT NULL AND vintage_to > vintage_from
)

SELECT
    f.observation_id,
    f.source,
    r.publisher,
    r.title,
    r.citation,
    r.licence,
    r.licence_url,
    r.redistribution,
    n.url,
    n.retrieved_at,
    -- who knows all of a file but one figure could try which one gives its hash
    CASE WHEN b.snapshot_id IS NULL AND r.disclosure = 'inherit' THEN n.sha256 END AS sha256,
    CASE WHEN b.snapshot_id IS NULL AND r.disclosure = 'inherit' THEN n.bytes END::integer AS bytes,
    n.slice,
    v.release,
    v.released_at,
    -- of a figure that readers do not see as it is, neither what stands there nor where
    CASE WHEN h.observation_id IS NULL THEN replace(p.template, '{}', o.place_row::text) END AS place,
    CASE WHEN h.observation_id IS NULL THEN coalesce(o.raw, o.value::text) END AS raw,
    v.vintage_id AS vintage,
    v.accepted_at,
    d.decided_by,
    d.reason AS decision_reason,
    l.run_id,
    l.code_version,
    v.made_with,
    coalesce(nullif(v.release, ''), to_char(v.released_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'))
        AS producer_version,
    n.request
FROM bi.observation_all AS f
INNER JOIN ref.period AS t ON f.time_period = t.time_period
INNER JOIN shown AS o
    ON
        f.source = o.source AND t.time_id = o.time_id AND f.vintage = o.vintage_from
        AND ('x' || left(right(f.observation_id, -length(f.source) - 1), 16))::bit(64)::bigint = o.series_id
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
LEFT JOIN core.suppressed AS h ON f.observation_id = h.observation_id AND f.vintage = h.vintage AND h.standing
LEFT JOIN core.withheld_snapshot AS b ON n.snapshot_id = b.snapshot_id
INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
INNER JOIN ops.load AS l ON v.load_id = l.load_id
INNER JOIN ref.source AS r ON f.source = r.code
LEFT JOIN ops.decision AS d ON v.candidate_id = d.candidate_id;

COMMENT ON VIEW bi.lineage IS
'Where each figure of observation_all, fact_observation and the topic views comes from, down to the cell; join by observation_id';
COMMENT ON COLUMN bi.lineage.observation_id IS 'Id of the figure';
COMMENT ON COLUMN bi.lineage.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.lineage.publisher IS 'Publisher';
COMMENT ON COLUMN bi.lineage.title IS 'Title of the source';
COMMENT ON COLUMN bi.lineage.citation IS 'How to cite the figure';
COMMENT ON COLUMN bi.lineage.licence IS 'Licence';
COMMENT ON COLUMN bi.lineage.licence_url IS 'Text of the licence';
COMMENT ON COLUMN bi.lineage.redistribution IS 'Whether the figure may be passed on: allowed, forbidden or unclear';
COMMENT ON COLUMN bi.lineage.url IS 'Address that was asked, secrets as ***';
COMMENT ON COLUMN bi.lineage.retrieved_at IS 'When it was served';
COMMENT ON COLUMN bi.lineage.sha256 IS 'Hash of the exact bytes that were served; NULL where figures of the source may be hidden';
COMMENT ON COLUMN bi.lineage.bytes IS 'How many bytes were served; NULL where figures of the source may be hidden';
COMMENT ON COLUMN bi.lineage.slice IS 'Part of the source that was asked for';
COMMENT ON COLUMN bi.lineage.release IS 'Edition of the publisher';
COMMENT ON COLUMN bi.lineage.released_at IS 'When the publisher put it out';
COMMENT ON COLUMN bi.lineage.place IS 'Sheet and cell, JSON pointer, or line in these bytes';
COMMENT ON COLUMN bi.lineage.raw IS 'Text at that place';
COMMENT ON COLUMN bi.lineage.vintage IS 'Vintage that brought it';
COMMENT ON COLUMN bi.lineage.accepted_at IS 'When it was accepted here';
COMMENT ON COLUMN bi.lineage.decided_by IS 'Who let the vintage pass, where it breached the gate';
COMMENT ON COLUMN bi.lineage.decision_reason IS 'Why they let it pass';
COMMENT ON COLUMN bi.lineage.run_id IS 'Run that loaded it';
COMMENT ON COLUMN bi.lineage.code_version IS 'Version of the program that made it';
COMMENT ON COLUMN bi.lineage.made_with IS 'Hash of the declaration, codes and corrections that it was made with';
COMMENT ON COLUMN bi.lineage.producer_version IS
'Version of the publisher: its edition, or the stamp of a source that is revised all the time';
COMMENT ON COLUMN bi.lineage.request IS
'Question that was sent to the address where it takes one (PxWeb); null: the address says it all';
