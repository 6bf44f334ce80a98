-- Rows that could not become observations in the last load of each slice, by source, reason and column.
SELECT
    source,
    reason,
    column_name,
    cells AS rows,
    codes,
    code,
    place,
    suggestion
FROM ops.quarantine_summary
ORDER BY cells DESC, source ASC, reason ASC, column_name ASC
