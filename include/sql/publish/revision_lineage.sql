CREATE OR REPLACE VIEW bi.revision_lineage AS
SELECT DISTINCT
    o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period AS observation_id,
    o.vintage_from AS vintage,
    o.source,
    r.publisher,
    r.title,
    r.citation,
    r.licence,
    r.licence_url,
    r.redistribution,
    n.url,
    n.retrieved_at,
    -- who knows all of a file but one figure could try which one gives its hash
    CASE WHEN g.snapshot_id IS NULL AND r.disclosure = 'inherit' THEN n.sha256 END AS sha256,
    n.slice,
    coalesce(nullif(v.release, ''), to_char(v.released_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'))
        AS producer_version,
    v.released_at,
    v.accepted_at,
    -- of a figure that readers do not see as it is, neither what stands there nor where
    CASE WHEN m.withheld THEN NULL ELSE replace(p.template, '{}', o.place_row::text) END AS place,
    CASE WHEN m.withheld THEN NULL ELSE coalesce(o.raw, o.value::text) END AS raw,
    l.run_id,
    l.code_version,
    v.made_with,
    n.request
FROM core.observation AS o
INNER JOIN ops.publication AS b ON o.source = b.source AND o.vintage_from <= b.vintage_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN core.place AS p ON o.place_id = p.place_id
INNER JOIN raw.snapshot AS n ON p.snapshot_id = n.snapshot_id
INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
INNER JOIN ops.load AS l ON v.load_id = l.load_id
INNER JOIN ref.source AS r ON o.source = r.code AND r.redistribution = 'allowed'
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
LEFT JOIN core.withheld_snapshot AS g ON n.snapshot_id = g.snapshot_id
LEFT JOIN core.suppressed AS h
    ON
        o.vintage_from = h.vintage AND (h.standing OR o.vintage_to <= b.vintage_id)
        AND h.observation_id
        = o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period
CROSS JOIN LATERAL (
    SELECT
        h.observation_id IS NOT NULL
        OR (o.value IS NOT NULL AND a.conf_status IN ('C', 'N', 'D', 'S'))
        OR (
            r.disclosure <> 'inherit'
            AND NOT EXISTS (
                SELECT FROM ops.disclosure AS d
                WHERE
                    d.source = o.source AND d.policy <> 'inherit' AND d.vintage_id >= o.vintage_from
                    AND (o.vintage_to IS NULL OR d.vintage_id < o.vintage_to)
            )
        ) AS withheld
) AS m;

COMMENT ON VIEW bi.revision_lineage IS
'Where each figure of bi.revisions, past ones too, comes from, down to the cell; join by observation_id and vintage';
COMMENT ON COLUMN bi.revision_lineage.observation_id IS 'Id of the figure';
COMMENT ON COLUMN bi.revision_lineage.vintage IS 'Vintage that brought it';
COMMENT ON COLUMN bi.revision_lineage.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.revision_lineage.publisher IS 'Publisher';
COMMENT ON COLUMN bi.revision_lineage.title IS 'Title of the source';
COMMENT ON COLUMN bi.revision_lineage.citation IS 'How to cite the figure';
COMMENT ON COLUMN bi.revision_lineage.licence IS 'Licence';
COMMENT ON COLUMN bi.revision_lineage.licence_url IS 'Text of the licence';
COMMENT ON COLUMN bi.revision_lineage.redistribution IS 'Whether the figure may be passed on: allowed, forbidden or unclear';
COMMENT ON COLUMN bi.revision_lineage.url IS 'Address that was asked, secrets as ***';
COMMENT ON COLUMN bi.revision_lineage.retrieved_at IS 'When it was served';
COMMENT ON COLUMN bi.revision_lineage.sha256 IS 'Hash of the exact bytes that were served; NULL where figures of the source may be hidden';
COMMENT ON COLUMN bi.revision_lineage.slice IS 'Part of the source that was asked for';
COMMENT ON COLUMN bi.revision_lineage.producer_version IS 'Version of the publisher: its edition, or the stamp of a source that is revised all the time';
COMMENT ON COLUMN bi.revision_lineage.released_at IS 'When the publisher put it out';
COMMENT ON COLUMN bi.revision_lineage.accepted_at IS 'When it was accepted here';
COMMENT ON COLUMN bi.revision_lineage.place IS 'Sheet and cell, JSON pointer, or line in these bytes';
COMMENT ON COLUMN bi.revision_lineage.raw IS 'Text at that place';
COMMENT ON COLUMN bi.revision_lineage.run_id IS 'Run that loaded it';
COMMENT ON COLUMN bi.revision_lineage.code_version IS 'Version of the program that made it';
COMMENT ON COLUMN bi.revision_lineage.made_with IS 'Hash of the declaration, codes and corrections that it was made with';
COMMENT ON COLUMN bi.revision_lineage.request IS
'Question that was sent to the address where it takes one (PxWeb); null: the address says it all';
