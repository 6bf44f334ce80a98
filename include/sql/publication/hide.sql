-- What readers see instead of a figure: nothing (and that it is withheld), or the rounded one.
UPDATE pg_temp.published AS p
SET
    published_value = d.shown,
    obs_status = CASE WHEN d.shown IS NULL THEN 'Q' ELSE p.obs_status END,
    missing_reason = CASE WHEN d.shown IS NULL THEN 'suppressed' ELSE p.missing_reason END,
    conf_status = d.conf_status
FROM pg_temp.disclosed AS d
WHERE p.observation_id = d.observation_id AND p.published_value IS NOT NULL
