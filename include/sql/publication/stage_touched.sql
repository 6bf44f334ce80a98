-- The indicators that a publication is about: those of its sources, though nothing of them may stand any more.
CREATE TEMPORARY TABLE touched ON COMMIT DROP AS
SELECT DISTINCT indicator FROM core.series
WHERE source = any(%(sources)s)
