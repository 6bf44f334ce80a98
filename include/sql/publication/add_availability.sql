-- A dimension is broken down where its code is neither the total nor not applicable.
WITH figures AS (
    SELECT
        f.source,
        f.indicator,
        f.ref_area,
        f.year,
        f.published_value,
        f.obs_status,
        f.preferred,
        CASE WHEN f.subdivision IN ('_T', '_Z') THEN '' ELSE ' subdivision' END
        || CASE WHEN f.counterpart_area IN ('_T', '_Z') THEN '' ELSE ' counterpart_area' END
        || CASE WHEN f.sex IN ('_T', '_Z') THEN '' ELSE ' sex' END
        || CASE WHEN f.age IN ('_T', '_Z') THEN '' ELSE ' age' END
        || CASE WHEN f.migration_status IN ('_T', '_Z') THEN '' ELSE ' migration_status' END
        || CASE WHEN f.education IN ('_T', '_Z') THEN '' ELSE ' education' END
        || CASE WHEN f.labour_status IN ('_T', '_Z') THEN '' ELSE ' labour_status' END
        || CASE WHEN f.occupation IN ('_T', '_Z') THEN '' ELSE ' occupation' END
        || CASE WHEN f.activity IN ('_T', '_Z') THEN '' ELSE ' activity' END
        || CASE WHEN f.reason IN ('_T', '_Z') THEN '' ELSE ' reason' END
        || CASE WHEN f.urbanisation IN ('_T', '_Z') THEN '' ELSE ' urbanisation' END
        || CASE WHEN f.disability IN ('_T', '_Z') THEN '' ELSE ' disability' END
        || CASE WHEN f.breakdown IN ('_T', '_Z') THEN '' ELSE ' breakdown' END AS broken_down
    FROM bi.observation_all AS f
    INNER JOIN pg_temp.touched AS t ON f.indicator = t.indicator
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
    count(published_value),
    count(*) FILTER (WHERE published_value IS NULL AND obs_status <> 'Q'),
    count(*) FILTER (WHERE published_value IS NULL AND obs_status = 'Q'),
    count(published_value) FILTER (WHERE preferred)
FROM figures
GROUP BY source, indicator, ref_area, year, broken_down
