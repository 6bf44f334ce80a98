-- A source that may be passed on no more leaves bi at once; the next publish says anew which figures can be added up.
WITH gone AS (
    DELETE FROM bi.fact_observation AS f
    USING ref.source AS s
    WHERE f.source = s.code AND s.code = %(source)s AND s.redistribution <> 'allowed'
    RETURNING f.*
)

INSERT INTO core.restricted
SELECT g.* FROM gone AS g
ON CONFLICT (observation_id) DO NOTHING
