-- Totals of each country: one row per indicator, basis and year. Windows name what filters choose, so that PostgreSQL looks
-- at the chosen alone.
SELECT
    CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END AS country_group,
    a.name_en AS country,
    a.iso3,
    i.topic,
    f.indicator,
    i.name_en || CASE f.counterpart_basis
        WHEN 'citizenship' THEN ', by citizenship'
        WHEN 'birth' THEN ', by birth'
        ELSE ''
    END || CASE f.reason WHEN '_T' THEN '' ELSE ', ' || lower(f.reason) END AS figure_of,
    f.reason,
    f.year,
    make_date(f.year, 1, 1) AS year_begins,
    f.published_value AS figure,
    f.unit,
    s.publisher,
    f.source,
    f.release,
    st.name_en AS status,
    f.missing_reason AS why_missing,
    f.note,
    row_number() OVER (
        PARTITION BY
            CASE WHEN a.is_programme_country THEN 'Programme countries' ELSE 'Other countries' END,
            a.name_en,
            f.ref_area,
            f.indicator,
            f.counterpart_basis,
            f.reason
        ORDER BY (f.published_value IS NULL) ASC, f.year DESC
    ) = 1 AS is_latest
FROM bi.fact_observation AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_status AS st ON f.obs_status = st.obs_status
WHERE
    a.is_country
    AND f.freq = 'A'
    AND f.subdivision = '_T'
    AND f.counterpart_area = '_T'
    AND f.sex = '_T'
    AND f.age = '_T'
    AND f.migration_status = '_T'
    AND f.education = '_T'
    AND f.labour_status = '_T'
    AND f.occupation = '_T'
    AND f.activity = '_T'
    AND f.urbanisation = '_T'
    AND f.disability = '_T'
    AND f.breakdown = '_T';
