-- Displaced persons and asylum by area of asylum, the world and groups of countries too, whatever the origin.
SELECT
    f.ref_area_name AS asylum,
    f.ref_area_kind AS asylum_kind,
    f.indicator,
    f.indicator_name || CASE f.counterpart_basis WHEN 'citizenship' THEN ', by citizenship' ELSE '' END AS figure_of,
    x.name_en AS sex,
    f.year,
    make_date(f.year, 1, 1) AS year_begins,
    f.published_value AS figure,
    f.unit,
    s.publisher,
    f.release,
    st.name_en AS status,
    f.note
FROM bi.displacement AS f
INNER JOIN bi.dim_sex AS x ON f.sex = x.sex
INNER JOIN bi.dim_source AS s ON f.source = s.source
INNER JOIN bi.dim_status AS st ON f.obs_status = st.obs_status
INNER JOIN bi.dim_time AS t ON f.time_period = t.time_period
WHERE
    t.freq = 'A'
    AND f.subdivision = '_T'
    AND f.counterpart_area = '_T'
    AND f.age = '_T'
    AND f.reason = '_T'
    AND f.breakdown = '_T';
