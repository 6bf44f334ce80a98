-- A derived indicator is touched where an input of it is. None is derived from a derived one.
INSERT INTO pg_temp.touched (indicator)
SELECT DISTINCT f.indicator
FROM ref.derived_indicator AS f
WHERE
    (
        f.input IN (SELECT t.indicator FROM pg_temp.touched AS t)
        OR f.other IN (SELECT t.indicator FROM pg_temp.touched AS t)
    )
    AND f.indicator NOT IN (SELECT t.indicator FROM pg_temp.touched AS t)
