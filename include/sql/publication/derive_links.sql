-- From which figures, and in which role.
INSERT INTO pg_temp.derivation (observation_id, role, input_observation_id)
SELECT
    d.observation_id,
    r.role,
    r.input_observation_id
FROM pg_temp.derived AS d
INNER JOIN ref.derived_indicator AS f ON d.formula = f.code
CROSS JOIN LATERAL (
    VALUES
    (CASE f.kind WHEN 'ratio' THEN 'numerator' WHEN 'difference' THEN 'minuend' ELSE 'stock' END, d.input_id),
    (
        CASE f.kind WHEN 'ratio' THEN 'denominator' WHEN 'difference' THEN 'subtrahend' ELSE 'stock_before' END,
        d.other_id
    )
) AS r (role, input_observation_id)
