SELECT
    name,
    country,
    language,
    email,
    active,
    created_at
FROM ops.official
ORDER BY country, name
