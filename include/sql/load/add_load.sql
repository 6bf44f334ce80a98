INSERT INTO ops.load (
    load_id, source, release, released_at, outcome, vintage_id, run_id, code_version, codes_sha256, seconds,
    finished_at
)
VALUES (
    %(load_id)s, %(source)s, %(release)s, %(released_at)s, %(outcome)s, %(vintage_id)s, %(run_id)s,
    %(code_version)s, %(codes_sha256)s, %(seconds)s, clock_timestamp()
)
