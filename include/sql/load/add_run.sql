INSERT INTO ops.run (run_id, dag, kind, logical_date, parameters, code_version)
VALUES (%(run_id)s, %(dag)s, %(kind)s, %(logical_date)s, %(parameters)s, %(code_version)s)
ON CONFLICT (run_id) DO NOTHING
