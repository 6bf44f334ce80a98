INSERT INTO ref.source AS s (
    code, title, publisher, homepage, licence, licence_url, redistribution, citation, owner, disclosure,
    disclosure_limit, disclosure_rule
)
VALUES (
    %(code)s, %(title)s, %(publisher)s, %(homepage)s, %(licence)s, %(licence_url)s, %(redistribution)s,
    %(citation)s, %(owner)s, %(disclosure)s, %(disclosure_limit)s, %(disclosure_rule)s
)
ON CONFLICT (code) DO UPDATE SET
    title = excluded.title,
    publisher = excluded.publisher,
    homepage = excluded.homepage,
    licence = excluded.licence,
    licence_url = excluded.licence_url,
    redistribution = excluded.redistribution,
    citation = excluded.citation,
    owner = excluded.owner,
    disclosure = excluded.disclosure,
    disclosure_limit = excluded.disclosure_limit,
    disclosure_rule = excluded.disclosure_rule
WHERE
(s.title, s.publisher, s.homepage, s.licence, s.licence_url, s.redistribution, s.citation, s.owner, s.disclosure_rule)
IS DISTINCT FROM (
    excluded.title, excluded.publisher, excluded.homepage, excluded.licence, excluded.licence_url,
    excluded.redistribution, excluded.citation, excluded.owner, excluded.disclosure_rule
)
