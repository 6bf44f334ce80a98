INSERT INTO ops.upload_reading (upload_id, snapshot, content_sha256, figures, cells, preview)
VALUES (%(upload_id)s, %(snapshot)s, %(content_sha256)s, %(figures)s, %(cells)s, %(preview)s)
