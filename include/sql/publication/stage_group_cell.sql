-- A cell is one indicator in one group, period, sex and age, of which some member has a figure.
CREATE TEMPORARY TABLE group_cell ON COMMIT DROP AS
SELECT
    row_number() OVER () AS cell,
    c.*
FROM (
    SELECT DISTINCT
        m.group_area,
        f.indicator,
        f.freq,
        f.sex,
        f.age,
        f.time_period,
        f.year,
        f.unit,
        p.period_start,
        p.period_end
    FROM pg_temp.group_figure AS f
    INNER JOIN ref.period AS p ON f.time_period = p.time_period
    INNER JOIN ref.area_group AS m ON f.ref_area = m.member
    WHERE
        (m.valid_from IS NULL OR m.valid_from <= p.period_end)
        AND (m.valid_to IS NULL OR m.valid_to >= p.period_start)
) AS c
