SELECT ops.vintage_of(%(source)s, %(slices)s) AS vintage_id
