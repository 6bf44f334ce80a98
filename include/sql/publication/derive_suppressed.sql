-- Where a published figure of the same cell is suppressed, ours would tell it.
UPDATE pg_temp.derived AS d
SET published_value = NULL, obs_status = 'Q', missing_reason = 'suppressed', conf_status = p.conf_status
FROM pg_temp.published AS p
WHERE
    d.indicator = p.indicator
    AND d.freq = p.freq
    AND d.ref_area = p.ref_area
    AND d.time_period = p.time_period
    AND d.subdivision = p.subdivision
    AND d.counterpart_area = p.counterpart_area
    AND d.sex = p.sex
    AND d.age = p.age
    AND d.migration_status = p.migration_status
    AND d.education = p.education
    AND d.labour_status = p.labour_status
    AND d.occupation = p.occupation
    AND d.activity = p.activity
    AND d.reason = p.reason
    AND d.urbanisation = p.urbanisation
    AND d.disability = p.disability
    AND d.breakdown = p.breakdown
    AND (d.counterpart_area = '_T' OR d.counterpart_basis = p.counterpart_basis)
    AND p.obs_status = 'Q'
