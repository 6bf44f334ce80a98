DELETE FROM bi.annual_sum
WHERE indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
