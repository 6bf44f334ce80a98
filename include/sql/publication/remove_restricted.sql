-- As remove_published.
DELETE FROM core.restricted AS f
USING (
    SELECT old.observation_id
    FROM core.restricted AS old
    INNER JOIN ref.source AS s ON old.source = s.code
    LEFT JOIN pg_temp.published AS n ON old.observation_id = n.observation_id
    WHERE
        old.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t)
        AND (n.observation_id IS NULL OR s.redistribution = 'allowed' OR (
            old.source, old.dataset, old.indicator, old.freq, old.ref_area, old.subdivision,
            old.counterpart_area, old.counterpart_basis, old.sex, old.age, old.migration_status, old.education,
            old.labour_status, old.occupation, old.activity, old.reason, old.urbanisation, old.disability,
            old.breakdown, old.time_period, old.year, old.value, old.published_value, old.is_total, old.unit,
            old.obs_status, old.conf_status, old.missing_reason, old.nature, old.concept_basis, old.coverage,
            old.residence_criterion, old.reference_point, old.point_in_time, old.note, old.release, old.vintage,
            old.subdivision_matched, old.subdivision_published, old.match_level, old.preferred,
            old.why_preferred, old.method
        ) IS DISTINCT FROM (
            n.source, n.dataset, n.indicator, n.freq, n.ref_area, n.subdivision, n.counterpart_area,
            n.counterpart_basis, n.sex, n.age, n.migration_status, n.education, n.labour_status, n.occupation,
            n.activity, n.reason, n.urbanisation, n.disability, n.breakdown, n.time_period, n.year, n.value,
            n.published_value, n.is_total, n.unit, n.obs_status, n.conf_status, n.missing_reason, n.nature,
            n.concept_basis, n.coverage, n.residence_criterion, n.reference_point, n.point_in_time, n.note,
            n.release, n.vintage, n.subdivision_matched, n.subdivision_published, n.match_level, n.preferred,
            n.why_preferred, n.method
        ))
) AS gone
WHERE f.observation_id = gone.observation_id
