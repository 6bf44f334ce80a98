INSERT INTO ops.publication (source, vintage_id)
VALUES (%(source)s, %(vintage_id)s)
ON CONFLICT (source) DO UPDATE SET vintage_id = excluded.vintage_id, published_at = now()
