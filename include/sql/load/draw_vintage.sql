WITH fresh AS (
    INSERT INTO pg_temp.drawn (vintage_id)
    SELECT nextval('ops.vintage_number')::integer
    WHERE NOT EXISTS (SELECT 1 FROM pg_temp.drawn)
    RETURNING vintage_id
)

SELECT vintage_id FROM fresh
UNION ALL
SELECT vintage_id FROM pg_temp.drawn
