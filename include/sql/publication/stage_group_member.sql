-- Each member of the group in each cell, with a rank as in bi.status_rank: one without a row is missing, unless it was not
-- there then (1, no part), or nobody expects it (0, not looked at).
CREATE TEMPORARY TABLE group_member ON COMMIT DROP AS
SELECT
    c.cell,
    m.member,
    m.whole = 'yes' AS is_whole,
    f.source,
    f.counterpart_basis,
    f.concept_basis,
    f.published_value,
    f.ref_area IS NOT NULL AND f.status_rank < 30 AS is_told,
    CASE
        WHEN m.expected = 'no' AND (f.ref_area IS NULL OR f.status_rank >= 30) THEN 0
        WHEN f.ref_area IS NOT NULL THEN f.status_rank
        WHEN a.valid_from > c.period_end OR a.valid_to < c.period_start THEN 1
        ELSE 40
    END AS status_rank
FROM pg_temp.group_cell AS c
INNER JOIN ref.area_group AS m ON c.group_area = m.group_area
INNER JOIN ref.area AS a ON m.member = a.code
LEFT JOIN pg_temp.group_figure AS f
    ON
        m.member = f.ref_area AND c.indicator = f.indicator AND c.time_period = f.time_period
        AND c.sex = f.sex AND c.age = f.age AND c.freq = f.freq
WHERE
    (m.valid_from IS NULL OR m.valid_from <= c.period_end)
    AND (m.valid_to IS NULL OR m.valid_to >= c.period_start)
