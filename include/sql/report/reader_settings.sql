SELECT coalesce(rolconfig, '{}') AS settings FROM pg_roles
WHERE rolname = 'bi_reader'
