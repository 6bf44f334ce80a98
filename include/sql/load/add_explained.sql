INSERT INTO ops.explained (load_id, snapshot_id, reason, cells, example)
VALUES (%(load_id)s, %(snapshot_id)s, %(reason)s, %(cells)s, %(example)s)
