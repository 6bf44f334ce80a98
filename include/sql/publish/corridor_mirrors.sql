CREATE OR REPLACE VIEW bi.corridor_mirrors AS
-- Of the pairs that both sides report, the largest first: the asymmetry times the logarithm of the larger report, so
-- that a figure of one side that is ten times too large comes first among thousands of persons, and 1 against 10 does not.
WITH pairs AS (
    SELECT
        mirror,
        origin,
        destination,
        year,
        max(value) FILTER (WHERE reported_by = 'origin') AS by_origin,
        max(source) FILTER (WHERE reported_by = 'origin' AND value IS NOT NULL) AS origin_source,
        max(observation_id) FILTER (WHERE reported_by = 'origin' AND value IS NOT NULL) AS origin_observation_id,
        max(value) FILTER (WHERE reported_by = 'destination') AS by_destination,
        max(source) FILTER (WHERE reported_by = 'destination' AND value IS NOT NULL) AS destination_source,
        max(observation_id) FILTER (WHERE reported_by = 'destination' AND value IS NOT NULL)
            AS destination_observation_id
    FROM bi.corridor_figures
    WHERE mirror IS NOT NULL AND kind = 'corridor' AND is_shown AND NOT is_modelled
    GROUP BY mirror, origin, destination, year
    HAVING count(value) > 0
),

measured AS (
    SELECT
        *,
        CASE
            WHEN by_origin = by_destination THEN 0
            ELSE abs(by_origin - by_destination) / greatest(by_origin, by_destination)
        END AS asymmetry,
        CASE WHEN by_origin IS NULL THEN 'origin' WHEN by_destination IS NULL THEN 'destination' END AS missing_mirror
    FROM pairs
),

scored AS (
    SELECT
        *,
        CASE WHEN missing_mirror IS NULL THEN asymmetry * ln(1 + greatest(by_origin, by_destination)) END AS score
    FROM measured
)

SELECT
    s.mirror,
    s.origin,
    a.name_en AS origin_name,
    s.destination,
    b.name_en AS destination_name,
    s.year,
    s.by_origin,
    s.origin_source,
    s.origin_observation_id,
    s.by_destination,
    s.destination_source,
    s.destination_observation_id,
    CASE WHEN s.missing_mirror IS NULL THEN s.asymmetry END AS asymmetry,
    s.missing_mirror,
    s.score,
    CASE
        WHEN s.missing_mirror IS NULL THEN
            rank() OVER (PARTITION BY s.mirror ORDER BY s.score DESC NULLS LAST)
    END::integer AS rank
FROM scored AS s
INNER JOIN ref.area AS a ON s.origin = a.code
INNER JOIN ref.area AS b ON s.destination = b.code;

COMMENT ON VIEW bi.corridor_mirrors IS
'What both sides of a corridor can report, by year: both reports, how far they are apart, or whose is missing. ORDER BY rank';
COMMENT ON COLUMN bi.corridor_mirrors.mirror IS
'migration: from the origin to the destination by residence, persons; remittances: from persons in the destination to the origin, US dollars';
COMMENT ON COLUMN bi.corridor_mirrors.origin IS 'Country that the persons come from, see dim_area';
COMMENT ON COLUMN bi.corridor_mirrors.origin_name IS 'Name of the origin in English';
COMMENT ON COLUMN bi.corridor_mirrors.destination IS 'Country where they go or live, see dim_area';
COMMENT ON COLUMN bi.corridor_mirrors.destination_name IS 'Name of the destination in English';
COMMENT ON COLUMN bi.corridor_mirrors.year IS 'Year';
COMMENT ON COLUMN bi.corridor_mirrors.by_origin IS 'The figure as the origin reports it; NULL where it does not';
COMMENT ON COLUMN bi.corridor_mirrors.origin_source IS 'Source of that figure, see dim_source';
COMMENT ON COLUMN bi.corridor_mirrors.origin_observation_id IS 'Id of that figure; `migstats trace <id>` leads to its cell';
COMMENT ON COLUMN bi.corridor_mirrors.by_destination IS 'The figure as the destination reports it; NULL where it does not';
COMMENT ON COLUMN bi.corridor_mirrors.destination_source IS 'Source of that figure, see dim_source';
COMMENT ON COLUMN bi.corridor_mirrors.destination_observation_id IS 'Id of that figure; `migstats trace <id>` leads to its cell';
COMMENT ON COLUMN bi.corridor_mirrors.asymmetry IS
'The difference as a part of the larger report: 0.9 is ten times as much; NULL where one is missing';
COMMENT ON COLUMN bi.corridor_mirrors.missing_mirror IS 'Whose report is missing: origin or destination; NULL where both are there';
COMMENT ON COLUMN bi.corridor_mirrors.score IS
'asymmetry times the logarithm of the larger report, so that what is far apart and large comes first';
COMMENT ON COLUMN bi.corridor_mirrors.rank IS 'Place by the score within the mirror, 1 is the largest; NULL where one is missing';
