INSERT INTO core.restricted
SELECT p.* FROM pg_temp.published AS p
WHERE
    p.source IN (
        SELECT s.code FROM ref.source AS s
        WHERE s.redistribution <> 'allowed'
    )
ON CONFLICT (observation_id) DO NOTHING
