-- A figure that we computed, with its formula; and what the formula gives again from the figures that went in.
SELECT
    o.*,
    f.code AS formula_code,
    f.kind,
    f.multiplier,
    f.input,
    f.input_where,
    f.other,
    f.other_where,
    f.reason,
    CASE
        WHEN f.kind = 'ratio' THEN f.multiplier * a.published_value / nullif(b.published_value, 0)
        WHEN f.kind = 'difference' THEN a.published_value - b.published_value
        WHEN f.kind = 'growth' AND a.published_value > 0 AND b.published_value > 0
            THEN
                f.multiplier * ln(a.published_value / b.published_value)
                / (
                    extract(YEAR FROM age(a.point_in_time, b.point_in_time))
                    + extract(MONTH FROM age(a.point_in_time, b.point_in_time)) / 12
                    + extract(DAY FROM age(a.point_in_time, b.point_in_time)) / 365.25
                )::double precision
    END AS recomputed
FROM bi.observation_all AS o
LEFT JOIN ref.derived_indicator AS f ON f.code = substring(o.note FROM '^formula ([a-z_]+)')
LEFT JOIN bi.derivation AS first
    ON o.observation_id = first.observation_id AND first.role IN ('numerator', 'minuend', 'stock')
LEFT JOIN bi.derivation AS second
    ON o.observation_id = second.observation_id AND second.role IN ('denominator', 'subtrahend', 'stock_before')
LEFT JOIN bi.observation_all AS a ON first.input_observation_id = a.observation_id
LEFT JOIN bi.observation_all AS b ON second.input_observation_id = b.observation_id
WHERE o.observation_id = %(observation_id)s AND o.method <> 'published'
