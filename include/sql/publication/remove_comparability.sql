DELETE FROM core.comparability
WHERE indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
