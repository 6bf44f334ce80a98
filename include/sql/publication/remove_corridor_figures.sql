-- Which of several figures of a measure is shown is a question of all its indicators: a measure is made anew whole.
DELETE FROM bi.corridor_figures AS f
WHERE
    f.measure IN (
        SELECT m.measure
        FROM ref.corridor_measure AS m
        INNER JOIN pg_temp.touched AS t ON m.indicator = t.indicator
    )
    OR f.measure NOT IN (SELECT m.measure FROM ref.corridor_measure AS m)
