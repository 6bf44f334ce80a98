-- What a query adds up, whatever it groups by:
-- SELECT sum(value), bi.comparability(concept_basis, value) FROM bi.migrant_stock ...
CREATE OR REPLACE FUNCTION bi.one_basis(so_far text, basis text, value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN value IS NULL OR basis IS NULL OR basis = '_Z' THEN so_far
    WHEN so_far IS NULL OR so_far = split_part(basis, '+', 1) THEN split_part(basis, '+', 1)
    ELSE 'mixed'
END
$$;

COMMENT ON FUNCTION bi.one_basis IS 'The step of the aggregate bi.comparability';

CREATE OR REPLACE AGGREGATE bi.comparability (text, double precision)(
    sfunc = bi.one_basis,
    stype = text
);

COMMENT ON AGGREGATE bi.comparability (text, double precision) IS
'Of concept_basis and value: birth, citizenship ... where the figures that are added up count the same kind of migrants, mixed where they do not. Figures without a value are not added up, and make nothing mixed';
