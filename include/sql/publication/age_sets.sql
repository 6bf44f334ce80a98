SELECT DISTINCT bands FROM pg_temp.age_cell
ORDER BY bands
