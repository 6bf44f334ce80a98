INSERT INTO ops.official (name, country, language, email, password)
VALUES (%(name)s, %(country)s, %(language)s, %(email)s, %(password)s)
