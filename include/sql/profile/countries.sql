SELECT area FROM bi.dim_area
WHERE is_country
ORDER BY area
