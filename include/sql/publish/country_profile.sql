CREATE OR REPLACE VIEW bi.country_profile AS
-- The latest total of each indicator in each country: all sexes, ages and counterparts, the whole country.
SELECT DISTINCT ON (f.ref_area, f.indicator)
    f.ref_area,
    a.name_en AS ref_area_name,
    i.topic,
    f.indicator,
    i.name_en AS indicator_name,
    f.time_period,
    f.year,
    f.published_value,
    f.unit,
    f.obs_status,
    f.concept_basis,
    f.source,
    f.why_preferred,
    f.method,
    f.observation_id
FROM bi.fact_observation AS f
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
WHERE
    a.kind IN ('country', 'territory')
    AND f.published_value IS NOT NULL
    AND f.subdivision = '_T' AND f.counterpart_area = '_T' AND f.sex = '_T' AND f.age = '_T'
    AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
    AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
    AND f.disability = '_T' AND f.breakdown IN ('_T', '_Z')
-- of a year its own figure before those of its months
ORDER BY f.ref_area ASC, f.indicator ASC, f.year DESC, f.freq = 'A' DESC, f.time_period DESC, f.observation_id ASC;

SELECT ref.comment_as('bi.country_profile', 'bi.fact_observation');
COMMENT ON VIEW bi.country_profile IS
'The latest total of each indicator in each country, with its source: one row per country and indicator. Ask for one ref_area';
COMMENT ON COLUMN bi.country_profile.ref_area_name IS 'Name of the country in English';
COMMENT ON COLUMN bi.country_profile.topic IS 'Topic view of the indicator';
COMMENT ON COLUMN bi.country_profile.indicator_name IS 'Name of the indicator in English';
