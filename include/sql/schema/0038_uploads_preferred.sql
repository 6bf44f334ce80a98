-- What countries send in forms has one place in the order of sources, whichever country it is.
CREATE OR REPLACE FUNCTION ref.place_of(source text, sources text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(
    array_position(string_to_array(sources, '|'), source),
    CASE WHEN starts_with(source, 'upload_') THEN array_position(string_to_array(sources, '|'), 'uploads') END,
    999
)
$$;

COMMENT ON FUNCTION ref.place_of IS
'Place of a source in an order as ref.source_preference has it (a|b|c), in which `uploads` stands for the forms of every country; 999 for one that is not named';
