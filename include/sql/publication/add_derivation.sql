INSERT INTO bi.derivation
SELECT d.* FROM pg_temp.derivation AS d
ON CONFLICT (observation_id, role, input_observation_id) DO NOTHING
