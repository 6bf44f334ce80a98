INSERT INTO core.comparability (indicator, year, comparability)
SELECT
    f.indicator,
    f.year,
    bi.comparability(f.concept_basis, f.value)
FROM bi.fact_observation AS f
WHERE f.value IS NOT NULL AND f.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
GROUP BY f.indicator, f.year
HAVING bi.comparability(f.concept_basis, f.value) IS NOT NULL
