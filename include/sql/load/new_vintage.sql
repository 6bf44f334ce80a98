INSERT INTO ops.vintage (
    vintage_id, source, release, released_at, accepted_at, load_id, added, changed, closed, cause, made_with,
    candidate_id
)
VALUES (
    %(vintage)s, %(source)s, %(release)s, %(released_at)s, clock_timestamp(), %(load_id)s, %(added)s, %(changed)s,
    %(closed)s, %(cause)s, %(made_with)s, %(candidate_id)s
)
