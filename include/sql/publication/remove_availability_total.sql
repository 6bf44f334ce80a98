DELETE FROM bi.availability_total
WHERE indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
