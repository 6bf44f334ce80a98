INSERT INTO ops.published (source, vintage_id)
VALUES (%(source)s, %(vintage_id)s)
