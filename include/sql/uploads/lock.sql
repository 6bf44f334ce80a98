SELECT pg_advisory_xact_lock(hashtextextended('migstats.uploads ' || %(country)s || %(form)s || %(year)s, 0))
