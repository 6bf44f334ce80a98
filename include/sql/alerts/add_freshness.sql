INSERT INTO ops.freshness (source, state, overdue, loaded_at, due_at, details, looked_at)
VALUES (%(source)s, %(state)s, %(overdue)s, %(loaded_at)s, %(due_at)s, %(text)s, %(at)s)
ON CONFLICT (source) DO UPDATE SET
    state = excluded.state,
    overdue = excluded.overdue,
    loaded_at = excluded.loaded_at,
    due_at = excluded.due_at,
    details = excluded.details,
    looked_at = excluded.looked_at
