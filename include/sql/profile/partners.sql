-- The largest partners: where those who live here come from (the country reports), or where those from here live (others
-- report). The year is the latest one with at least half as many partners as the fullest: a country that reports early
-- would stand there alone. Of one partner under several bases the first is taken, and a year
-- before its quarters.
WITH figures AS (
    SELECT
        CASE WHEN %(as_origin)s THEN f.ref_area ELSE f.counterpart_area END AS partner,
        f.counterpart_basis,
        f.year,
        f.freq,
        f.time_period,
        f.published_value AS value,
        f.unit,
        f.obs_status,
        f.concept_basis,
        f.source,
        f.observation_id
    FROM bi.fact_observation AS f
    WHERE
        f.indicator = any(%(indicators)s)
        AND CASE WHEN %(as_origin)s THEN f.counterpart_area ELSE f.ref_area END = %(area)s
        AND f.counterpart_area <> '_T' AND f.published_value IS NOT NULL
        AND f.subdivision = '_T' AND f.sex = '_T' AND f.age = '_T' AND f.breakdown IN ('_T', '_Z')
        AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status IN ('_T', '_Z')
        AND f.occupation = '_T' AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T'
        AND f.disability = '_T'
),

counted AS (
    SELECT
        year,
        count(DISTINCT partner) AS partners
    FROM figures
    GROUP BY year
),

chosen AS (
    SELECT max(c.year) AS year FROM counted AS c
    WHERE 2 * c.partners >= (SELECT max(m.partners) FROM counted AS m)
),

single AS (
    SELECT DISTINCT ON (f.partner)
        f.*,
        a.name_en AS partner_name,
        u.name_en AS unit_name
    FROM figures AS f
    INNER JOIN chosen AS y ON f.year = y.year
    INNER JOIN bi.dim_area AS a ON f.partner = a.area
    INNER JOIN bi.dim_code AS u ON u.dimension = 'unit' AND f.unit = u.code
    WHERE a.is_country
    ORDER BY f.partner ASC, f.counterpart_basis ASC, f.freq = 'A' DESC, f.time_period DESC, f.observation_id ASC
)

SELECT
    partner,
    partner_name,
    counterpart_basis,
    time_period,
    value,
    unit,
    unit_name,
    obs_status,
    concept_basis,
    source,
    observation_id
FROM single
ORDER BY value DESC, partner ASC
LIMIT %(most)s
