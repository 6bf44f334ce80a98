-- What readers see now of sources with a policy, let through by it: the figures themselves, and which are hidden.
CREATE TEMPORARY TABLE last_seen ON COMMIT DROP AS
SELECT
    f.source,
    f.observation_id,
    f.vintage,
    f.indicator,
    f.freq,
    f.ref_area,
    f.subdivision,
    f.counterpart_area,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.labour_status,
    f.occupation,
    f.activity,
    f.reason,
    f.urbanisation,
    f.disability,
    f.breakdown,
    f.time_period,
    coalesce(h.value, f.published_value) AS value,
    f.unit,
    f.obs_status,
    f.conf_status,
    h.kind,
    h.told,
    f.published_value AS shown
FROM core.published AS f
INNER JOIN ops.disclosure AS d ON f.disclosure = d.disclosure_id
INNER JOIN ref.source AS s ON f.source = s.code AND d.policy_hash = md5(s.disclosure || s.disclosure_rule)
LEFT JOIN core.suppressed AS h ON f.observation_id = h.observation_id AND f.vintage = h.vintage AND h.standing
WHERE
    s.disclosure <> 'inherit'
    OR s.code IN (
        SELECT c.source FROM core.suppressed AS c
        WHERE c.standing
    )
