INSERT INTO ops.upload_finding (upload_id, number, code, weight, sheet, sheet_row, sheet_column, seen, words)
VALUES (
    %(upload_id)s, %(number)s, %(code)s, %(weight)s, %(sheet)s, %(row)s, %(column)s, %(seen)s, %(words)s
)
