CREATE OR REPLACE VIEW bi.disaggregation AS
-- Every breakdown that the catalogue requires of an indicator, in each country that has figures of it, and in the
-- countries of the programme whether they have any or not.
WITH required AS (
    SELECT
        c.code AS indicator,
        d.dimension
    FROM ref.indicator_catalogue AS c
    CROSS JOIN LATERAL unnest(string_to_array(c.required_breakdowns, '|')) AS d (dimension)
    WHERE c.required_breakdowns <> 'none'
),

countries AS (
    SELECT area AS ref_area FROM bi.dim_area
    WHERE is_country
),

held AS (
    SELECT
        indicator,
        ref_area,
        min(year) AS first_year,
        max(year) AS latest_year
    FROM bi.availability
    -- what is projected nobody has counted
    WHERE figures > 0 AND breakdowns NOT LIKE '%projection%'
    GROUP BY indicator, ref_area
),

wanted AS (
    SELECT
        h.indicator,
        h.ref_area,
        h.latest_year
    FROM held AS h
    INNER JOIN countries AS c ON h.ref_area = c.ref_area
    UNION ALL
    SELECT
        r.indicator,
        a.area,
        NULL
    FROM (SELECT DISTINCT indicator FROM required) AS r
    CROSS JOIN bi.dim_area AS a
    WHERE
        a.is_programme_country
        AND NOT EXISTS (
            SELECT 1 FROM held AS h
            WHERE h.indicator = r.indicator AND h.ref_area = a.area
        )
),

by_dimension AS (
    SELECT
        v.indicator,
        v.ref_area,
        d.dimension,
        min(v.year) AS first_year,
        max(v.year) AS latest_year,
        sum(v.figures)::integer AS figures,
        count(DISTINCT v.source)::integer AS sources
    FROM bi.availability AS v
    -- where migrants have to be told from others, citizenship or country of birth tells them
    CROSS JOIN
        LATERAL unnest(
            string_to_array(
                CASE
                    WHEN v.breakdowns LIKE '%counterpart_area%' AND v.breakdowns NOT LIKE '%migration_status%'
                        THEN v.breakdowns || ' migration_status'
                    ELSE v.breakdowns
                END,
                ' '
            )
        ) AS d (dimension)
    WHERE v.figures > 0 AND v.depth > 0 AND v.breakdowns NOT LIKE '%projection%'
    GROUP BY v.indicator, v.ref_area, d.dimension
)

SELECT
    w.indicator,
    w.ref_area,
    r.dimension,
    CASE
        WHEN w.latest_year IS NULL THEN 'no_figures'
        WHEN b.figures IS NULL THEN 'not_broken_down'
        WHEN b.latest_year < w.latest_year THEN 'not_lately'
        ELSE 'available'
    END AS state,
    w.latest_year,
    b.first_year AS first_year_broken_down,
    b.latest_year AS latest_year_broken_down,
    coalesce(b.figures, 0) AS figures,
    coalesce(b.sources, 0) AS sources
FROM wanted AS w
INNER JOIN required AS r ON w.indicator = r.indicator
LEFT JOIN by_dimension AS b
    ON w.indicator = b.indicator AND w.ref_area = b.ref_area AND r.dimension = b.dimension;

COMMENT ON VIEW bi.disaggregation IS
'Breakdowns that the catalogue requires of each indicator, country by country: which there are, and since when. Countries of the programme are listed without figures too';
COMMENT ON COLUMN bi.disaggregation.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.disaggregation.ref_area IS 'Country or territory, see dim_area';
COMMENT ON COLUMN bi.disaggregation.dimension IS
'Dimension that the indicator has to be broken down by; citizenship and country of birth (counterpart_area) tell migration_status too';
COMMENT ON COLUMN bi.disaggregation.state IS
'available: in the latest year too; not_lately: in earlier years only; not_broken_down: figures without this dimension; no_figures: none at all';
COMMENT ON COLUMN bi.disaggregation.latest_year IS 'Latest year with any figure that is no projection; NULL: none';
COMMENT ON COLUMN bi.disaggregation.first_year_broken_down IS 'First year with figures by this dimension';
COMMENT ON COLUMN bi.disaggregation.latest_year_broken_down IS 'Latest year with figures by this dimension';
COMMENT ON COLUMN bi.disaggregation.figures IS 'Figures by this dimension, all years';
COMMENT ON COLUMN bi.disaggregation.sources IS 'Sources that have them';

CREATE OR REPLACE VIEW bi.disaggregation_score AS
SELECT
    indicator,
    ref_area,
    count(*)::integer AS required,
    count(*) FILTER (WHERE state IN ('available', 'not_lately'))::integer AS available,
    count(*) FILTER (WHERE state = 'available')::integer AS available_lately,
    count(*) FILTER (WHERE state IN ('available', 'not_lately'))::double precision / count(*) AS score,
    count(*) FILTER (WHERE state = 'available')::double precision / count(*) AS score_lately,
    max(latest_year) AS latest_year,
    string_agg(dimension, ' ' ORDER BY dimension) FILTER (WHERE state IN ('no_figures', 'not_broken_down')) AS gaps
FROM bi.disaggregation
GROUP BY indicator, ref_area;

COMMENT ON VIEW bi.disaggregation_score IS
'How far each indicator is broken down as it has to be (SDG 17.18.1, objective 1 of the Global Compact for Migration): share of the required dimensions that there are figures for';
COMMENT ON COLUMN bi.disaggregation_score.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.disaggregation_score.ref_area IS 'Country or territory, see dim_area';
COMMENT ON COLUMN bi.disaggregation_score.required IS 'Dimensions that the catalogue requires';
COMMENT ON COLUMN bi.disaggregation_score.available IS 'Those of them that there are figures for, in any year';
COMMENT ON COLUMN bi.disaggregation_score.available_lately IS 'Those that there are figures for in the latest year with any figure';
COMMENT ON COLUMN bi.disaggregation_score.score IS 'available divided by required: 1 all, 0 none';
COMMENT ON COLUMN bi.disaggregation_score.score_lately IS 'available_lately divided by required';
COMMENT ON COLUMN bi.disaggregation_score.latest_year IS 'Latest year with any figure that is no projection; NULL: none';
COMMENT ON COLUMN bi.disaggregation_score.gaps IS 'Dimensions that are missing, with a space between; NULL: none';

CREATE OR REPLACE VIEW bi.disaggregation_gap AS
SELECT
    d.ref_area,
    a.name_en AS ref_area_name,
    d.indicator,
    i.name_en AS indicator_name,
    i.topic,
    d.dimension,
    d.state,
    d.latest_year,
    d.latest_year_broken_down
FROM bi.disaggregation AS d
INNER JOIN bi.dim_area AS a ON d.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON d.indicator = i.indicator
WHERE a.is_programme_country AND d.state <> 'available';

COMMENT ON VIEW bi.disaggregation_gap IS
'What the countries of the programme lack: a row per indicator and dimension that it has to be broken down by and is not';
COMMENT ON COLUMN bi.disaggregation_gap.ref_area IS 'Country, see dim_area';
COMMENT ON COLUMN bi.disaggregation_gap.ref_area_name IS 'Its name in English';
COMMENT ON COLUMN bi.disaggregation_gap.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.disaggregation_gap.indicator_name IS 'Its name in English';
COMMENT ON COLUMN bi.disaggregation_gap.topic IS 'Topic of the indicator';
COMMENT ON COLUMN bi.disaggregation_gap.dimension IS 'Dimension that is missing';
COMMENT ON COLUMN bi.disaggregation_gap.state IS
'no_figures: none at all; not_broken_down: not by this dimension; not_lately: not in the latest year';
COMMENT ON COLUMN bi.disaggregation_gap.latest_year IS 'Latest year with any figure that is no projection; NULL: none';
COMMENT ON COLUMN bi.disaggregation_gap.latest_year_broken_down IS 'Latest year with figures by this dimension; NULL: none';
