-- Several workers count in turn. In one order for all, so that none waits for another in a ring.
SELECT pg_advisory_xact_lock(hashtextextended('migstats.portal ' || %(key)s, 0))
