-- Parts of countries: what they are parts of, and the units of publishers that are matched with none of them. The code of
-- such a unit is made of the unit above and of what the publisher writes (NP-P1+Phaktanlung, NPL++East > Everest: a +
-- for each level), so that its figures are nobody else's; it is added by the load that brings its first figure.
ALTER TABLE ref.subdivision
ADD COLUMN area text,
ADD COLUMN parent text,
ADD COLUMN level integer CHECK (level > 0),
ADD COLUMN pcode text,
ADD COLUMN valid_from date,
ADD COLUMN valid_to date,
ADD COLUMN note text,
ADD COLUMN matched text,
ADD CONSTRAINT subdivision_validity CHECK (valid_to > valid_from),
ADD CONSTRAINT subdivision_matched CHECK ((matched IS NOT NULL) = (code LIKE '%+%'));

COMMENT ON TABLE ref.subdivision IS 'Parts of countries, ISO 3166-2, and units of publishers that are matched with none';
COMMENT ON COLUMN ref.subdivision.code IS 'ISO 3166-2, or OCHA''s p-code where ISO has none; with a + of a unit that is not matched';
COMMENT ON COLUMN ref.subdivision.area IS 'Area that it is a part of';
COMMENT ON COLUMN ref.subdivision.parent IS 'Unit that it lies in; NULL: the area itself';
COMMENT ON COLUMN ref.subdivision.level IS '1 for the first level below the country, 2 for the next';
COMMENT ON COLUMN ref.subdivision.pcode IS 'P-code of OCHA';
COMMENT ON COLUMN ref.subdivision.name_en IS 'Name; of a unit that is not matched what the publisher writes';
COMMENT ON COLUMN ref.subdivision.valid_from IS 'First day of the unit, where it is younger than its neighbours';
COMMENT ON COLUMN ref.subdivision.valid_to IS 'Last day of a unit that is no more';
COMMENT ON COLUMN ref.subdivision.matched IS 'Of a unit that is not matched: the unit above that is, _T the whole area';

-- Add the units among these codes that are not matched. The list of units is the owner's; a load may add to it, and
-- nothing else.
CREATE FUNCTION ref.add_unmatched(codes text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH told AS (
    SELECT
        c.code,
        (regexp_match(c.code, '^([^+]+)(\++)([^+].*)$', 's')) AS parts
    FROM unnest(codes) AS c (code)
)

INSERT INTO ref.subdivision (code, name_en, area, parent, level, matched)
SELECT DISTINCT
    t.code,
    t.parts[3],
    coalesce(u.area, a.code),
    u.code,
    coalesce(u.level, 0) + length(t.parts[2]),
    coalesce(u.code, '_T')
FROM told AS t
LEFT JOIN ref.subdivision AS u ON t.parts[1] = u.code AND u.area IS NOT NULL
LEFT JOIN ref.area AS a ON t.parts[1] = a.code
WHERE t.parts IS NOT NULL AND (u.code IS NOT NULL OR a.code IS NOT NULL)
ON CONFLICT (code) DO NOTHING
$$;

COMMENT ON FUNCTION ref.add_unmatched IS 'Adds units that publishers name and that are matched with none of ours';
REVOKE ALL ON FUNCTION ref.add_unmatched(text[]) FROM public;
GRANT EXECUTE ON FUNCTION ref.add_unmatched(text[]) TO migstats_etl;

CREATE TABLE core.subdivision_name (
    source text NOT NULL REFERENCES ref.source,
    dataset text NOT NULL,
    subdivision text NOT NULL REFERENCES ref.subdivision,
    name text NOT NULL,
    PRIMARY KEY (source, dataset, subdivision)
);

COMMENT ON TABLE core.subdivision_name IS 'What publishers call the parts of countries in their tables';
COMMENT ON COLUMN core.subdivision_name.name IS 'As it stands in the table that was loaded last';
GRANT INSERT, UPDATE ON core.subdivision_name TO migstats_etl;

-- What was published before is about whole areas.
ALTER TABLE bi.fact_observation
ADD COLUMN subdivision_matched text DEFAULT '_T',
ADD COLUMN subdivision_published text,
ADD COLUMN match_level integer DEFAULT 0;
ALTER TABLE bi.fact_observation
ALTER COLUMN subdivision_matched DROP DEFAULT,
ALTER COLUMN match_level DROP DEFAULT;

COMMENT ON COLUMN bi.fact_observation.subdivision IS
'Part of the area, see dim_subdivision; _T the whole area. With a + a unit of the publisher that is not matched';
COMMENT ON COLUMN bi.fact_observation.subdivision_matched IS
'Part of the area, ISO 3166-2, that the figure is about or lies in; _T: in the area, more is not known';
COMMENT ON COLUMN bi.fact_observation.subdivision_published IS 'What the publisher calls the part of the area';
COMMENT ON COLUMN bi.fact_observation.match_level IS
'Level of subdivision_matched: 0 the area, 1 the first level below. The figure is about the unit itself where subdivision equals subdivision_matched';

CREATE VIEW ops.unmatched_unit AS
SELECT
    s.source,
    a.dataset,
    s.ref_area,
    s.subdivision,
    u.matched,
    u.level,
    coalesce(n.name, u.name_en) AS name,
    count(*) AS figures
FROM core.series AS s
INNER JOIN ref.subdivision AS u ON s.subdivision = u.code
INNER JOIN core.observation AS o ON s.source = o.source AND s.series_id = o.series_id
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
LEFT JOIN core.subdivision_name AS n
    ON s.source = n.source AND a.dataset = n.dataset AND s.subdivision = n.subdivision
WHERE u.matched IS NOT NULL AND o.known_to IS NULL AND o.vintage_to IS NULL
GROUP BY s.source, a.dataset, s.ref_area, s.subdivision, u.matched, u.level, coalesce(n.name, u.name_en);

COMMENT ON VIEW ops.unmatched_unit IS
'Parts of countries that publishers name and that are matched with none of ours, with the figures that stand there';
COMMENT ON COLUMN ops.unmatched_unit.matched IS 'The unit above that is matched; _T the whole area';
COMMENT ON COLUMN ops.unmatched_unit.level IS 'The level that it is of, as the publisher''s table says it';
COMMENT ON COLUMN ops.unmatched_unit.name IS 'What the publisher calls it. A line in codes.csv, or in names/subdivision.csv, moves its figures';
COMMENT ON COLUMN ops.unmatched_unit.figures IS 'Figures that stand';
GRANT SELECT ON ops.unmatched_unit TO migstats_etl;
