INSERT INTO ops.load_snapshot (load_id, snapshot_id, landed, loaded, unchanged, quarantined, explained)
VALUES (%(load_id)s, %(snapshot_id)s, %(landed)s, %(loaded)s, %(unchanged)s, %(quarantined)s, %(explained)s)
