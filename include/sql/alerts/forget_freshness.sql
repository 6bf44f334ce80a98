-- A source that is declared no more is not judged any more.
DELETE FROM ops.freshness
WHERE source <> all(%(sources)s::text[])
