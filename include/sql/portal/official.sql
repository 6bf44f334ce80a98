SELECT
    name,
    country,
    language,
    email,
    password,
    active
FROM ops.official
WHERE name = %(name)s
