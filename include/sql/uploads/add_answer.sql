INSERT INTO ops.upload_answer (upload_id, number, answer, answered_by)
VALUES (%(upload_id)s, %(number)s, %(answer)s, %(answered_by)s)
