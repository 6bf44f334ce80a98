CREATE OR REPLACE VIEW bi.corridor_remainder AS
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
    count(f.value)::integer AS figures_with_value
FROM bi.corridor_figures AS f
WHERE f.kind IN ('residual', 'same_area') AND f.is_shown AND f.unit IN ('PS', 'USD', 'NUMBER')
GROUP BY 1, 2, 3, 4, 5, 6, 7;

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
