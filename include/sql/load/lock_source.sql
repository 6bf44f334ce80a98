SELECT pg_advisory_xact_lock(hashtextextended('migstats.load.' || %(source)s, 0))
