CREATE OR REPLACE VIEW bi.country_profile AS
-- The latest total of each indicator in each country: all sexes, ages and counterparts, the whole country. Where nobody has
-- all ages the band of a source that holds all its others stands for it: of a rate 15 to 64 years; of persons only an age
-- and over that the source divides, such as a labour force of 15 years and over (children alone are no country).
WITH totals AS (
    SELECT
        f.ref_area,
        f.indicator,
        f.time_period,
        f.year,
        f.freq,
        f.age,
        f.published_value,
        f.unit,
        f.obs_status,
        f.concept_basis,
        f.source,
        f.why_preferred,
        f.method,
        f.observation_id,
        g.name_en AS age_name,
        bool_or(f.age = '_T') OVER (PARTITION BY f.ref_area, f.indicator) AS is_of_all_ages,
        min(f.age) OVER of_source = max(f.age) OVER of_source OR (
            g.min_age = min(g.min_age) OVER of_source
            AND coalesce(g.max_age = max(g.max_age) OVER of_source, TRUE)
            AND (g.max_age IS NULL) = bool_or(g.max_age IS NULL) OVER of_source
        ) AS holds_all,
        g.max_age IS NULL AND min(f.age) OVER of_source < max(f.age) OVER of_source AS is_divided
    FROM bi.fact_observation AS f
    INNER JOIN ref.age AS g ON f.age = g.code
    WHERE
        f.published_value IS NOT NULL
        AND f.subdivision = '_T' AND f.counterpart_area = '_T' AND f.sex = '_T' AND f.age <> '_U'
        AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
        AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
        AND f.disability = '_T' AND f.breakdown IN ('_T', '_Z')
    WINDOW of_source AS (PARTITION BY f.ref_area, f.indicator, f.source, f.time_period)
)

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
    f.observation_id,
    f.age,
    f.age_name
FROM totals AS f
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.indicator_catalogue AS k ON f.indicator = k.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
WHERE
    a.kind IN ('country', 'territory')
    AND (f.age = '_T' OR (NOT f.is_of_all_ages AND f.holds_all AND (k.aggregation_breakdown <> 'sum' OR f.is_divided)))
-- a forecast only where there is nothing else; of a year its own figure before those of its months
ORDER BY
    f.ref_area ASC, f.indicator ASC, f.obs_status = 'F' ASC, f.year DESC, f.freq = 'A' DESC, f.time_period DESC,
    f.observation_id ASC;

SELECT ref.comment_as('bi.country_profile', 'bi.fact_observation');
COMMENT ON VIEW bi.country_profile IS
'The latest total of each indicator in each country, with its source: one row per country and indicator. Ask for one ref_area. Where nobody has all ages the band of age of a source that holds all its others stands here: of a rate, or of persons of an age and over. A forecast stands here only where there is nothing else';
COMMENT ON COLUMN bi.country_profile.ref_area_name IS 'Name of the country in English';
COMMENT ON COLUMN bi.country_profile.topic IS 'Topic view of the indicator';
COMMENT ON COLUMN bi.country_profile.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.country_profile.age_name IS 'Name of the band of age in English';
