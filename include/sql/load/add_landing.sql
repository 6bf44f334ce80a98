INSERT INTO raw.landing (source, dataset, slice, release, landed_at, run_id, landed)
VALUES (
    %(source)s, %(dataset)s, %(slice)s, %(release)s, %(landed_at)s, %(run_id)s, %(landed)s::jsonb
)
ON CONFLICT (source, slice, release, landed_at) DO NOTHING
