-- Figures that we computed are made of figures that went through disclosure control.
UPDATE pg_temp.published AS p
SET disclosure = d.disclosure_id
FROM pg_temp.disclosure AS d
WHERE p.source = d.source AND p.disclosure IS DISTINCT FROM d.disclosure_id
