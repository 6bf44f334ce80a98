-- A view that shows columns of another relation under their own names says the same of them.
CREATE FUNCTION ref.comment_as(shown regclass, told regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    word record;
BEGIN
    FOR word IN
        SELECT
            s.attname AS name,
            col_description(t.attrelid, t.attnum) AS said
        FROM pg_attribute AS s
        INNER JOIN pg_attribute AS t ON s.attname = t.attname
        WHERE s.attrelid = shown AND t.attrelid = told AND s.attnum > 0 AND t.attnum > 0 AND NOT t.attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', shown, word.name, word.said);
    END LOOP;
END
$$;

COMMENT ON FUNCTION ref.comment_as IS 'Copies the comments of columns of the same name, where both relations have them';
REVOKE ALL ON FUNCTION ref.comment_as(regclass, regclass) FROM public;

-- Facts that were added to ref since the first grants: those who publish read them.
GRANT SELECT ON ALL TABLES IN SCHEMA ref TO migstats_etl;

-- The place of a source in the declared order of its indicator: one that is not named comes after all that are.
CREATE FUNCTION ref.place_of(source text, sources text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(array_position(string_to_array(sources, '|'), source), 999)
$$;

COMMENT ON FUNCTION ref.place_of IS 'Place of a source in an order as ref.source_preference has it (a|b|c); 999 for one that is not named';
REVOKE ALL ON FUNCTION ref.place_of(text, text) FROM public;
GRANT EXECUTE ON FUNCTION ref.place_of(text, text) TO migstats_etl;
