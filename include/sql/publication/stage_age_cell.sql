-- The bands of each cell, as one text: of a million cells few sets differ.
CREATE TEMPORARY TABLE age_cell ON COMMIT DROP AS
SELECT
    cell,
    string_agg(age, ' ' ORDER BY age) AS bands
FROM pg_temp.age_part
GROUP BY cell
HAVING count(*) > 1
