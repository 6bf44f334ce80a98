CREATE OR REPLACE VIEW bi.dim_subdivision AS
SELECT
    u.code AS subdivision,
    u.area,
    a.name_en AS area_name,
    u.parent,
    u.level,
    CASE 1 WHEN u.level THEN u.code WHEN p.level THEN p.code WHEN q.level THEN q.code WHEN r.level THEN r.code END
        AS first_level,
    coalesce(u.matched, u.code) AS subdivision_matched,
    u.matched IS NULL AS is_matched,
    u.pcode,
    u.name_en,
    u.name_fr,
    u.name_es,
    u.name_ar,
    u.name_ru,
    u.valid_from,
    u.valid_to,
    u.note
FROM ref.subdivision AS u
LEFT JOIN ref.area AS a ON u.area = a.code
LEFT JOIN ref.subdivision AS p ON u.parent = p.code
LEFT JOIN ref.subdivision AS q ON p.parent = q.code
LEFT JOIN ref.subdivision AS r ON q.parent = r.code
-- what only sources say that may not be passed on is not passed on
WHERE
    u.matched IS NULL
    OR u.code IN (
        SELECT s.subdivision
        FROM core.series AS s
        INNER JOIN ref.source AS o ON s.source = o.code
        WHERE o.redistribution = 'allowed'
    );

COMMENT ON VIEW bi.dim_subdivision IS 'Parts of countries, ISO 3166-2, and units of publishers that are matched with none of them';
COMMENT ON COLUMN bi.dim_subdivision.subdivision IS 'ISO 3166-2, or OCHA''s p-code where ISO has none; with a + of a unit that is not matched';
COMMENT ON COLUMN bi.dim_subdivision.area IS 'Area that it is a part of, see dim_area';
COMMENT ON COLUMN bi.dim_subdivision.area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.dim_subdivision.parent IS 'Unit that it lies in; NULL: the area itself';
COMMENT ON COLUMN bi.dim_subdivision.level IS '1 for the first level below the country, 2 for the next';
COMMENT ON COLUMN bi.dim_subdivision.first_level IS 'Unit of the first level that it is or lies in, to sum by; NULL where it is not known';
COMMENT ON COLUMN bi.dim_subdivision.subdivision_matched IS 'Itself, or the unit above that is matched; _T the whole area';
COMMENT ON COLUMN bi.dim_subdivision.is_matched IS 'False for a unit of a publisher that is matched with none of ours';
COMMENT ON COLUMN bi.dim_subdivision.pcode IS 'P-code of OCHA, by which humanitarian data sets know it';
COMMENT ON COLUMN bi.dim_subdivision.name_en IS 'Name as ISO 3166-2 has it; of a unit that is not matched what the publisher writes';
COMMENT ON COLUMN bi.dim_subdivision.name_fr IS 'Name in French, where it is known';
COMMENT ON COLUMN bi.dim_subdivision.name_es IS 'Name in Spanish, where it is known';
COMMENT ON COLUMN bi.dim_subdivision.name_ar IS 'Name in Arabic, where it is known';
COMMENT ON COLUMN bi.dim_subdivision.name_ru IS 'Name in Russian, where it is known';
COMMENT ON COLUMN bi.dim_subdivision.valid_from IS 'First day of the unit, where it is younger than its neighbours';
COMMENT ON COLUMN bi.dim_subdivision.valid_to IS 'Last day of a unit that is no more';
COMMENT ON COLUMN bi.dim_subdivision.note IS 'What a reader might get wrong';
