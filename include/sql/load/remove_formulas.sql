-- Formulas that are not in include/codelists/derived_indicator.csv any more.
DELETE FROM ref.derived_indicator
WHERE code <> all(%(codes)s)
