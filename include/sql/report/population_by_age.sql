-- Population by sex and age, of whole areas and their parts: what a modelled split goes by.
SELECT
    f.ref_area,
    f.subdivision,
    f.year,
    f.sex,
    f.age,
    f.published_value AS population
FROM bi.fact_observation AS f
WHERE
    f.indicator = 'POP' AND f.freq = 'A' AND f.method = 'published' AND f.counterpart_area = '_T'
    AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status = '_T' AND f.occupation = '_T'
    AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T' AND f.disability = '_T' AND f.breakdown = '_T'
    AND f.published_value IS NOT NULL
    AND f.ref_area IN (
        SELECT o.ref_area FROM bi.observation_all AS o
        WHERE o.source = %(source)s AND o.indicator = %(indicator)s
    )
ORDER BY f.observation_id
