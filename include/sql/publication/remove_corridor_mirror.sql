-- The rank goes over all pairs of a mirror: all are made anew when a measure of one is touched.
DELETE FROM core.corridor_mirror AS c
WHERE
    c.mirror IN (
        SELECT m.mirror FROM ref.corridor_measure AS m INNER JOIN pg_temp.touched AS t ON m.indicator = t.indicator
    )
