SELECT pg_advisory_xact_lock(hashtextextended('migstats.question.' || %(source)s, 0))
