-- A first load attaches tables, which locks the tables that they refer to: it waits for other loads, and they for it.
SELECT
    CASE
        WHEN to_regclass('core.observation_' || %(source)s) IS NULL
            THEN pg_advisory_xact_lock(hashtextextended('migstats.attach', 0))::text
        ELSE pg_advisory_xact_lock_shared(hashtextextended('migstats.attach', 0))::text
    END AS locked
