DELETE FROM bi.availability
WHERE indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
