UPDATE ops.official SET active = %(active)s
WHERE name = %(name)s
