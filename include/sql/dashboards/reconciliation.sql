-- Figures of two sources that claim the same, and why they differ.
SELECT
    CASE
        WHEN a.is_programme_country THEN 'Programme countries'
        WHEN a.is_country THEN 'Other countries'
        ELSE 'Groups of countries'
    END AS country_group,
    a.name_en AS country,
    i.name_en AS figure_of,
    i.topic,
    r.year,
    r.source,
    r.published_value AS figure,
    r.other_source,
    r.other_value AS other_figure,
    100 * r.relative_difference AS difference_per_cent,
    r.within_tolerance,
    r.reason_code AS reason,
    r.explanation,
    r.preferred_source AS preferred,
    r.rank
FROM bi.reconciliation AS r
INNER JOIN bi.dim_area AS a ON r.ref_area = a.area
INNER JOIN bi.dim_indicator AS i ON r.indicator = i.indicator;
