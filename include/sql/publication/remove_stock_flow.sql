DELETE FROM bi.stock_flow AS f
WHERE
    f.account IN (
        SELECT p.account
        FROM ref.stock_flow AS p
        INNER JOIN pg_temp.touched AS t ON p.indicator = t.indicator
    )
    OR f.account NOT IN (SELECT p.account FROM ref.stock_flow AS p)
