-- A figure of ours that is gone, or is computed from others now, loses what was said of where it comes from.
DELETE FROM bi.derivation AS d
USING (
    SELECT o.*
    FROM bi.derivation AS o
    LEFT JOIN pg_temp.derivation AS n
        ON
            o.observation_id = n.observation_id AND o.role = n.role
            AND o.input_observation_id = n.input_observation_id
    LEFT JOIN bi.observation_all AS f ON o.observation_id = f.observation_id
    WHERE
        f.observation_id IS NULL
        OR (f.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t) AND n.observation_id IS NULL)
) AS gone
WHERE
    d.observation_id = gone.observation_id AND d.role = gone.role
    AND d.input_observation_id = gone.input_observation_id
