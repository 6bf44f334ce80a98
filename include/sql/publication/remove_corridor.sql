-- A measure is made anew whole, and a row of corridors holds many measures: all are made anew when one is touched.
DELETE FROM core.corridor
WHERE EXISTS (SELECT FROM ref.corridor_measure AS m INNER JOIN pg_temp.touched AS t ON m.indicator = t.indicator)
