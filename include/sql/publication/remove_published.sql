DELETE FROM bi.observation_all AS f
USING (
    SELECT old.observation_id
    FROM bi.observation_all AS old
    INNER JOIN ref.source AS s ON old.source = s.code
    LEFT JOIN pg_temp.published AS n ON old.observation_id = n.observation_id
    WHERE
        old.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
        AND (n.observation_id IS NULL OR s.redistribution <> 'allowed' OR old.* IS DISTINCT FROM n.*)
) AS gone
WHERE f.observation_id = gone.observation_id
