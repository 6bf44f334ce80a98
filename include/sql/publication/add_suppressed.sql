INSERT INTO core.suppressed AS s (
    observation_id, vintage, source, kind, told, conf_status, value, shown, standing, disclosure
)
SELECT
    d.observation_id,
    d.vintage,
    d.source,
    d.kind,
    d.told,
    d.conf_status,
    o.value,
    d.shown,
    TRUE,
    r.disclosure_id
FROM pg_temp.disclosed AS d
INNER JOIN pg_temp.disclosure AS r ON d.source = r.source
INNER JOIN core.observation AS o
    ON
        d.source = o.source AND d.vintage = o.vintage_from AND o.vintage_to IS NULL
        AND ('x' || left(right(d.observation_id, -length(d.source) - 1), 16))::bit(64)::bigint = o.series_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id AND right(d.observation_id, -length(d.source) - 18) = t.time_period
ON CONFLICT (observation_id, vintage) DO UPDATE SET
    kind = excluded.kind,
    told = excluded.told,
    conf_status = excluded.conf_status,
    shown = excluded.shown,
    standing = TRUE,
    disclosure = excluded.disclosure
WHERE
(s.kind, s.told, s.conf_status, s.shown, s.standing)
IS DISTINCT FROM (excluded.kind, excluded.told, excluded.conf_status, excluded.shown, TRUE)
