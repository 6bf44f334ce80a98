DELETE FROM core.group_total
WHERE indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
