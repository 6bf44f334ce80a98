-- What the publisher calls its units, of those that have a figure.
INSERT INTO core.subdivision_name (source, dataset, subdivision, name)
SELECT
    %(source)s,
    %(dataset)s,
    n.subdivision,
    n.name
FROM unnest(%(subdivisions)s::text[], %(names)s::text[]) AS n (subdivision, name)
INNER JOIN ref.subdivision AS u ON n.subdivision = u.code
ON CONFLICT (source, dataset, subdivision) DO UPDATE
    SET name = excluded.name
    WHERE subdivision_name.name IS DISTINCT FROM excluded.name
