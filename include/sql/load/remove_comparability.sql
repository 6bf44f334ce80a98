DELETE FROM core.comparability
WHERE indicator IN (SELECT p.indicator FROM pg_temp.published AS p)
