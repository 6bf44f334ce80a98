SELECT l.* FROM pg_temp.last_seen AS l
WHERE
    l.source = %(source)s
    AND (%(indicators)s::text[] IS NULL OR l.indicator = any(%(indicators)s::text[]))
    AND (%(areas)s::text[] IS NULL OR l.ref_area = any(%(areas)s::text[]))
ORDER BY l.observation_id
