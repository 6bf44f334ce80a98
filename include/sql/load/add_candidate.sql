INSERT INTO ops.candidate (candidate_id, source, release, base_vintage, breaches, notices, run_id, slices)
VALUES (
    %(candidate_id)s, %(source)s, %(release)s, %(base_vintage)s, %(breaches)s, %(notices)s, %(run_id)s, %(slices)s
)
ON CONFLICT (candidate_id) DO NOTHING
