INSERT INTO ops.vintage (vintage_id, source, release, released_at, load_id, added, changed, closed)
VALUES (%(vintage)s, %(source)s, %(release)s, %(released_at)s, %(load_id)s, %(added)s, %(changed)s, %(closed)s)
