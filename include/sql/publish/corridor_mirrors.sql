CREATE OR REPLACE VIEW bi.corridor_mirrors AS
SELECT
    m.mirror,
    m.origin,
    a.name_en AS origin_name,
    m.destination,
    b.name_en AS destination_name,
    m.year,
    m.by_origin,
    m.origin_source,
    m.origin_observation_id,
    m.by_destination,
    m.destination_source,
    m.destination_observation_id,
    m.asymmetry,
    m.missing_mirror,
    m.score,
    m.rank
FROM core.corridor_mirror AS m
INNER JOIN ref.area AS a ON m.origin = a.code
INNER JOIN ref.area AS b ON m.destination = b.code;

COMMENT ON VIEW bi.corridor_mirrors IS
'What both sides of a corridor can report, by year: both reports, how far they are apart, or whose is missing. ORDER BY rank';
SELECT ref.comment_as('bi.corridor_mirrors', 'core.corridor_mirror');
COMMENT ON COLUMN bi.corridor_mirrors.origin_name IS 'Name of the origin in English';
COMMENT ON COLUMN bi.corridor_mirrors.destination_name IS 'Name of the destination in English';
