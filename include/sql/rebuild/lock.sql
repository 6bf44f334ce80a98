-- Loads take it shared, a rebuild alone; it is held by the session.
SELECT pg_try_advisory_lock(hashtextextended('migstats.rebuild', 0)) AS taken
