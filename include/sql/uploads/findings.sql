SELECT
    f.number,
    f.code,
    f.weight,
    f.sheet,
    f.sheet_row,
    f.sheet_column,
    f.seen,
    f.words,
    a.answer,
    a.answered_by
FROM ops.upload_finding AS f
LEFT JOIN ops.upload_answer AS a ON f.upload_id = a.upload_id AND f.number = a.number
WHERE f.upload_id = %(upload_id)s
ORDER BY f.number
