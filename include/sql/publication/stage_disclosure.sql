-- The runs of disclosure control of this publication, one for each source of which figures may be staged, and for ours.
CREATE TEMPORARY TABLE disclosure ON COMMIT DROP AS
SELECT
    s.code AS source,
    nextval('ops.disclosure_number')::integer AS disclosure_id
FROM ref.source AS s
WHERE
    s.code = any(%(sources)s)
    OR s.code = 'migstats'
    OR s.code IN (SELECT p.source FROM ops.publication AS p)
