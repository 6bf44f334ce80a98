CREATE OR REPLACE VIEW bi.indicator_tag AS
SELECT
    c.code AS indicator,
    t.scheme,
    v.tag
FROM ref.indicator_catalogue AS c
CROSS JOIN
    LATERAL (
        VALUES
        ('sdg_target', c.sdg_target),
        ('gcm_objective', c.gcm_objective),
        ('sector', c.sector),
        ('required_breakdown', c.required_breakdowns)
    ) AS t (scheme, tags)
CROSS JOIN LATERAL string_to_table(t.tags, '|') AS v (tag)
WHERE v.tag <> 'none'
UNION ALL
SELECT
    i.code,
    'sdg_indicator',
    i.sdg_indicator
FROM ref.indicator AS i
WHERE i.sdg_indicator <> 'none'
UNION ALL
SELECT
    i.code,
    'sdg_series',
    i.sdg_series
FROM ref.indicator AS i
WHERE i.sdg_series <> 'none';

COMMENT ON VIEW bi.indicator_tag IS
'One row per tag of an indicator, to filter by; an indicator has several tags of a scheme, so never add figures up over a join with it';
COMMENT ON COLUMN bi.indicator_tag.indicator IS 'Code of the indicator, see dim_indicator';
COMMENT ON COLUMN bi.indicator_tag.scheme IS
'sdg_target, sdg_indicator, sdg_series, gcm_objective, sector or required_breakdown';
COMMENT ON COLUMN bi.indicator_tag.tag IS 'The tag: 10.7, 10.7.1, SL_EMP_RCOST_MO, 6, employment, sex';
