DELETE FROM core.reconciliation AS r
WHERE
    (r.comparison = 'cell' AND r.indicator IN (SELECT t.indicator FROM pg_temp.touched AS t))
    OR r.comparison IN (
        SELECT c.code
        FROM ref.comparable AS c
        INNER JOIN pg_temp.touched AS t ON t.indicator IN (c.indicator, c.other_indicator, c.denominator)
    )
    OR (r.comparison <> 'cell' AND r.comparison NOT IN (SELECT c.code FROM ref.comparable AS c))
