SELECT area FROM bi.dim_area
WHERE is_programme_country
ORDER BY area
