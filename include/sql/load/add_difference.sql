INSERT INTO ops.gate_difference (candidate_id, number, series, time_period, was, now)
VALUES (%(candidate_id)s, %(number)s, %(series)s, %(time_period)s, %(was)s, %(now)s)
ON CONFLICT (candidate_id, number) DO NOTHING
