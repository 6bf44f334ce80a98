-- Of the pairs that both sides report, the largest first: the asymmetry times the logarithm of the larger report, so
-- that a figure of one side that is ten times too large comes first among thousands of persons, and 1 against 10 does not.
INSERT INTO core.corridor_mirror
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
    WHERE
        mirror IN (
            SELECT m.mirror FROM ref.corridor_measure AS m INNER JOIN pg_temp.touched AS t ON m.indicator = t.indicator
        )
        AND kind = 'corridor'
        AND is_shown
        AND NOT is_modelled
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
    s.destination,
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
