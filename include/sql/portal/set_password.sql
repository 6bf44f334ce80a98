UPDATE ops.official SET password = %(password)s
WHERE name = %(name)s
