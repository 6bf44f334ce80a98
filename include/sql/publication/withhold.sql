-- A source that may be passed on no more leaves bi at once, with what was computed from it; the next publish says anew
-- which figures can be added up, and which is preferred.
WITH RECURSIVE own AS (
    SELECT f.observation_id
    FROM bi.observation_all AS f
    INNER JOIN ref.source AS s ON f.source = s.code
    WHERE s.code = %(source)s AND s.redistribution <> 'allowed'
),

tainted AS (
    SELECT observation_id FROM own
    UNION
    SELECT d.observation_id
    FROM tainted AS t
    INNER JOIN bi.derivation AS d ON t.observation_id = d.input_observation_id
),

-- sums of countries of its indicators
sums AS (
    DELETE FROM core.group_total AS g
    USING (
        SELECT DISTINCT f.indicator
        FROM bi.observation_all AS f
        INNER JOIN own AS o ON f.observation_id = o.observation_id
    ) AS i
    WHERE g.indicator = i.indicator
),

gone AS (
    DELETE FROM bi.observation_all AS f
    USING tainted AS t
    WHERE f.observation_id = t.observation_id
    RETURNING f.*
)

INSERT INTO core.restricted
SELECT g.*
FROM gone AS g
INNER JOIN own AS o ON g.observation_id = o.observation_id
ON CONFLICT (observation_id) DO NOTHING
