-- Figures by age that standard bands may be summed of: counts of persons, published, preferred, of sources that may be
-- passed on. A cell is all that they have in common but age: never parts of two sources, datasets or concepts.
CREATE TEMPORARY TABLE age_part ON COMMIT DROP AS
SELECT
    p.observation_id,
    p.age,
    md5(
        concat_ws(
            '|',
            p.source, p.dataset, p.indicator, p.freq, p.ref_area, p.subdivision, p.counterpart_area,
            p.counterpart_basis, p.sex, p.migration_status, p.education, p.labour_status, p.occupation, p.activity,
            p.reason, p.urbanisation, p.disability, p.breakdown, p.time_period, coalesce(p.concept_basis, ''),
            coalesce(p.coverage, ''), coalesce(p.residence_criterion, ''), p.reference_point
        )
    )::uuid AS cell
FROM pg_temp.published AS p
INNER JOIN ref.indicator AS i ON p.indicator = i.code AND p.unit = i.unit
INNER JOIN ref.source AS s ON p.source = s.code
WHERE
    p.preferred AND p.method = 'published' AND p.unit = 'PS' AND s.redistribution = 'allowed'
    AND p.age NOT IN ('_T', '_U', '_Z')
