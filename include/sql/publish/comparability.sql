-- What a query adds up, whatever it groups by: SELECT sum(value), bi.comparability(concept_basis) FROM bi.migrant_stock ...
CREATE OR REPLACE FUNCTION bi.one_basis(so_far text, basis text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN basis IS NULL OR basis = '_Z' THEN so_far
    WHEN so_far IS NULL OR so_far = split_part(basis, '+', 1) THEN split_part(basis, '+', 1)
    ELSE 'mixed'
END
$$;

COMMENT ON FUNCTION bi.one_basis IS 'The step of the aggregate bi.comparability';

CREATE OR REPLACE AGGREGATE bi.comparability (text)(
    sfunc = bi.one_basis,
    stype = text,
    parallel = safe,
    combinefunc = bi.one_basis
);

COMMENT ON AGGREGATE bi.comparability (text) IS
'Of concept_basis: birth, citizenship ... where all figures count the same kind of migrants, mixed where they do not';
