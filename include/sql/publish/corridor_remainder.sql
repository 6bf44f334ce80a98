CREATE OR REPLACE VIEW bi.corridor_remainder AS
-- Persons of unknown country of birth and stateless citizens are of two counts of the same people: of several counts of a
-- measure one is added up: the first with a figure in the order of the corridors, then the one with most figures.
WITH counts AS (
    SELECT
        CASE f.reported_by WHEN 'origin' THEN f.origin ELSE f.destination END AS ref_area,
        f.reported_by,
        f.year,
        f.measure,
        f.kind,
        f.is_modelled,
        f.unit,
        sum(f.value) AS value,
        count(*)::integer AS figures,
        count(f.value)::integer AS figures_with_value,
        f.indicator,
        f.counterpart_basis,
        f.source,
        min(m.place) AS place,
        min(array_position(string_to_array(m.counterpart_basis, '|'), f.counterpart_basis)) AS basis_place
    FROM bi.corridor_figures AS f
    INNER JOIN ref.corridor_measure AS m
        ON
            f.measure = m.measure
            AND f.indicator = m.indicator
            AND f.reported_by = m.ref_area_is
            AND f.sex = m.sex
            AND f.breakdown = m.breakdown
            AND f.counterpart_basis = any(string_to_array(m.counterpart_basis, '|'))
    WHERE f.kind IN ('residual', 'same_area') AND f.unit IN ('PS', 'USD', 'NUMBER')
    GROUP BY
        ref_area, f.reported_by, f.year, f.measure, f.kind, f.is_modelled, f.unit, f.indicator, f.counterpart_basis,
        f.source
)

SELECT DISTINCT ON (ref_area, reported_by, year, measure, kind, is_modelled, unit)
    ref_area,
    reported_by,
    year,
    measure,
    kind,
    is_modelled,
    unit,
    value,
    figures,
    figures_with_value,
    indicator,
    counterpart_basis,
    source
FROM counts
ORDER BY
    ref_area ASC, reported_by ASC, year ASC, measure ASC, kind ASC, is_modelled ASC, unit ASC, value IS NULL ASC,
    place ASC, basis_place ASC, figures_with_value DESC, value DESC, source ASC;

COMMENT ON VIEW bi.corridor_remainder IS
'What is no corridor of two countries and still counts: origins or destinations that are unknown, other or stateless, and figures of a country with itself, added up by the country that reports them';
COMMENT ON COLUMN bi.corridor_remainder.ref_area IS 'Area that the figures are published for, see dim_area';
COMMENT ON COLUMN bi.corridor_remainder.reported_by IS 'Whether that area is the origin or the destination';
COMMENT ON COLUMN bi.corridor_remainder.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.corridor_remainder.measure IS 'As in corridor_figures: stock, refugees ...';
COMMENT ON COLUMN bi.corridor_remainder.kind IS 'residual: unknown, other, stateless; same_area: a country with itself';
COMMENT ON COLUMN bi.corridor_remainder.is_modelled IS 'True where the figures are modelled, estimated, imputed or forecast';
COMMENT ON COLUMN bi.corridor_remainder.unit IS 'Unit of value';
COMMENT ON COLUMN bi.corridor_remainder.value IS 'Their sum; NULL where none has a figure';
COMMENT ON COLUMN bi.corridor_remainder.figures IS 'How many figures';
COMMENT ON COLUMN bi.corridor_remainder.figures_with_value IS 'How many of them have a value: less than figures, and the sum is of a part';
COMMENT ON COLUMN bi.corridor_remainder.indicator IS
'What was added up, see dim_indicator; other counts of the measure are in corridor_figures';
COMMENT ON COLUMN bi.corridor_remainder.counterpart_basis IS
'How the two areas are joined in all of the figures: birth, citizenship, previous_residence ...';
COMMENT ON COLUMN bi.corridor_remainder.source IS 'Source of all of the figures, see dim_source';
