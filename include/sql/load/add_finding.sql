INSERT INTO ops.gate_finding (
    candidate_id, number, kind, severity, scope, found, allowed, message, place, time_period, was, now, size,
    waiver_id
)
VALUES (
    %(candidate_id)s, %(number)s, %(kind)s, %(severity)s, %(scope)s, %(found)s, %(limit)s, %(message)s, %(place)s,
    %(time_period)s, %(was)s, %(now)s, %(size)s, %(waiver_id)s
)
ON CONFLICT (candidate_id, number) DO NOTHING
