-- A dimension is broken down where its code is neither the total nor not applicable. One band of age alone is no breakdown
-- where nobody has the total of all ages: rates of employment are of 15 to 64 years, and of no age. What is
-- said of a year to come (a forecast, a variant of World Population Prospects) is named so: nobody has counted it.
WITH cells AS (
    SELECT
        f.source,
        f.indicator,
        f.ref_area,
        f.year,
        f.age,
        CASE WHEN f.subdivision IN ('_T', '_Z') THEN '' ELSE ' subdivision' END
        || CASE WHEN f.counterpart_area IN ('_T', '_Z') THEN '' ELSE ' counterpart_area' END
        || CASE WHEN f.sex IN ('_T', '_Z') THEN '' ELSE ' sex' END AS before_age,
        CASE WHEN f.migration_status IN ('_T', '_Z') THEN '' ELSE ' migration_status' END
        || CASE WHEN f.education IN ('_T', '_Z') THEN '' ELSE ' education' END
        || CASE WHEN f.labour_status IN ('_T', '_Z') THEN '' ELSE ' labour_status' END
        || CASE WHEN f.occupation IN ('_T', '_Z') THEN '' ELSE ' occupation' END
        || CASE WHEN f.activity IN ('_T', '_Z') THEN '' ELSE ' activity' END
        || CASE WHEN f.reason IN ('_T', '_Z') THEN '' ELSE ' reason' END
        || CASE WHEN f.urbanisation IN ('_T', '_Z') THEN '' ELSE ' urbanisation' END
        || CASE WHEN f.disability IN ('_T', '_Z') THEN '' ELSE ' disability' END
        || CASE WHEN f.breakdown IN ('_T', '_Z') OR f.breakdown LIKE 'WPP:%' THEN '' ELSE ' breakdown' END
        || CASE WHEN f.breakdown LIKE 'WPP:%' OR f.obs_status = 'F' THEN ' projection' ELSE '' END AS after_age,
        count(f.published_value) AS figures,
        count(*) FILTER (WHERE f.published_value IS NULL AND f.obs_status <> 'Q') AS missing,
        count(*) FILTER (WHERE f.published_value IS NULL AND f.obs_status = 'Q') AS suppressed,
        count(f.published_value) FILTER (WHERE f.preferred) AS preferred
    FROM bi.observation_all AS f
    INNER JOIN pg_temp.touched AS t ON f.indicator = t.indicator
    GROUP BY f.source, f.indicator, f.ref_area, f.year, f.age, before_age, after_age
),

of_ages AS (
    SELECT
        *,
        min(age) OVER of_source = max(age) OVER of_source
        AND NOT bool_or(age IN ('_T', '_Z')) OVER (PARTITION BY indicator, ref_area) AS is_whole
    FROM cells
    WINDOW of_source AS (PARTITION BY indicator, ref_area, source, year)
),

figures AS (
    SELECT
        *,
        before_age || CASE WHEN age IN ('_T', '_Z') OR is_whole THEN '' ELSE ' age' END || after_age AS broken_down
    FROM of_ages
)

INSERT INTO bi.availability (
    source, indicator, ref_area, year, breakdowns, depth, figures, missing, suppressed, preferred
)
SELECT
    source,
    indicator,
    ref_area,
    year,
    CASE WHEN broken_down = '' THEN 'none' ELSE ltrim(broken_down) END,
    length(broken_down) - length(replace(broken_down, ' ', '')),
    sum(figures),
    sum(missing),
    sum(suppressed),
    sum(preferred)
FROM figures
GROUP BY source, indicator, ref_area, year, broken_down
