INSERT INTO ref.source AS s (
    code, title, publisher, homepage, licence, licence_url, redistribution, citation, owner
)
VALUES (
    %(code)s, %(title)s, %(publisher)s, %(homepage)s, %(licence)s, %(licence_url)s, %(redistribution)s,
    %(citation)s, %(owner)s
)
ON CONFLICT (code) DO UPDATE SET
    title = excluded.title,
    publisher = excluded.publisher,
    homepage = excluded.homepage,
    licence = excluded.licence,
    licence_url = excluded.licence_url,
    redistribution = excluded.redistribution,
    citation = excluded.citation,
    owner = excluded.owner
WHERE
(s.title, s.publisher, s.homepage, s.licence, s.licence_url, s.redistribution, s.citation, s.owner)
IS DISTINCT FROM (
    excluded.title, excluded.publisher, excluded.homepage, excluded.licence, excluded.licence_url,
    excluded.redistribution, excluded.citation, excluded.owner
)
