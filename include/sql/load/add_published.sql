INSERT INTO bi.fact_observation
SELECT p.* FROM pg_temp.published AS p
ON CONFLICT (observation_id) DO NOTHING
