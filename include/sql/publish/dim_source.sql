CREATE OR REPLACE VIEW bi.dim_source AS
SELECT
    s.code AS source,
    s.title,
    s.publisher,
    s.homepage,
    s.licence,
    s.licence_url,
    s.redistribution,
    s.citation,
    p.vintage_id AS vintage,
    v.release,
    v.released_at,
    v.accepted_at
FROM ref.source AS s
LEFT JOIN ops.publication AS p ON s.code = p.source
-- an older release that came late is a vintage too, and not what is shown
LEFT JOIN LATERAL (
    SELECT
        vintage.release,
        vintage.released_at,
        vintage.accepted_at
    FROM ops.vintage
    WHERE vintage.source = s.code AND vintage.vintage_id <= p.vintage_id
    ORDER BY vintage.released_at DESC, vintage.vintage_id DESC
    LIMIT 1
) AS v ON TRUE;

COMMENT ON VIEW bi.dim_source IS 'Sources, how to cite them, and the vintage that is shown';
COMMENT ON COLUMN bi.dim_source.source IS 'Code of the source';
COMMENT ON COLUMN bi.dim_source.title IS 'Title';
COMMENT ON COLUMN bi.dim_source.publisher IS 'Publisher';
COMMENT ON COLUMN bi.dim_source.homepage IS 'Where the publisher describes it';
COMMENT ON COLUMN bi.dim_source.licence IS 'Licence';
COMMENT ON COLUMN bi.dim_source.licence_url IS 'Text of the licence';
COMMENT ON COLUMN bi.dim_source.redistribution IS 'Whether the figures may be passed on: allowed, forbidden or unclear';
COMMENT ON COLUMN bi.dim_source.citation IS 'How to cite the figures';
COMMENT ON COLUMN bi.dim_source.vintage IS 'Vintage that is published';
COMMENT ON COLUMN bi.dim_source.release IS 'Edition of the publisher';
COMMENT ON COLUMN bi.dim_source.released_at IS 'When the publisher put it out';
COMMENT ON COLUMN bi.dim_source.accepted_at IS 'When it was accepted here';
