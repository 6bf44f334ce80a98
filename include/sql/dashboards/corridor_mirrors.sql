-- One move, reported by both sides: what the origin and the destination say, and how far apart they are.
SELECT
    m.origin_name AS origin,
    m.destination_name AS destination,
    m.mirror AS what_is_reported,
    m.year,
    m.by_origin AS reported_by_origin,
    m.by_destination AS reported_by_destination,
    100 * m.asymmetry AS asymmetry_per_cent,
    m.missing_mirror AS report_is_missing_of,
    m.origin_source AS source_of_origin,
    m.destination_source AS source_of_destination,
    m.rank
FROM bi.corridor_mirrors AS m;
