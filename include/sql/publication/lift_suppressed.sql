-- What stands no more as it was hidden stays on record, so that the past does not tell it.
UPDATE core.suppressed AS s
SET standing = FALSE
WHERE
    s.standing
    AND s.source IN (SELECT d.source FROM pg_temp.disclosure AS d)
    AND s.observation_id IN (
        SELECT k.observation_id
        FROM core.suppressed AS k
        LEFT JOIN pg_temp.disclosed AS d ON k.observation_id = d.observation_id AND k.vintage = d.vintage
        WHERE
            k.standing AND d.observation_id IS NULL
            AND (k.source = any(%(sources)s) OR k.source = any(%(looked_at)s))
    )
    AND NOT EXISTS (
        SELECT FROM pg_temp.disclosed AS d
        WHERE s.observation_id = d.observation_id AND s.vintage = d.vintage
    )
