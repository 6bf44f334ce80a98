INSERT INTO ops.slice_state (
    source, slice, release, released_at, content_sha256, facts_path, facts_sha256, load_id, landed_at, snapshots,
    made_with, figures
)
VALUES (
    %(source)s, %(slice)s, %(release)s, %(released_at)s, %(content_sha256)s, %(facts_path)s, %(facts_sha256)s,
    %(load_id)s, %(landed_at)s, %(snapshots)s, %(made_with)s,
    %(figures)s
)
ON CONFLICT (source, slice, released_at) DO UPDATE SET
    content_sha256 = excluded.content_sha256,
    facts_path = excluded.facts_path,
    facts_sha256 = excluded.facts_sha256,
    load_id = excluded.load_id,
    landed_at = greatest(slice_state.landed_at, excluded.landed_at),
    snapshots = excluded.snapshots,
    made_with = excluded.made_with,
    figures = excluded.figures
