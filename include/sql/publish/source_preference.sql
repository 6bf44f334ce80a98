CREATE OR REPLACE VIEW bi.source_preference AS
SELECT
    p.code AS indicator,
    s.rank::integer AS rank,
    s.source,
    p.reason
FROM ref.source_preference AS p
CROSS JOIN LATERAL unnest(string_to_array(p.sources, '|')) WITH ORDINALITY AS s (source, rank);

COMMENT ON VIEW bi.source_preference IS
'The declared order of sources by indicator: of two that have a figure for one cell the first is shown. Sources that are not named come after them, by name';
COMMENT ON COLUMN bi.source_preference.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.source_preference.rank IS '1 comes first';
COMMENT ON COLUMN bi.source_preference.source IS 'Source, see dim_source; uploads: the forms of every country';
COMMENT ON COLUMN bi.source_preference.reason IS 'Why they stand in this order';
