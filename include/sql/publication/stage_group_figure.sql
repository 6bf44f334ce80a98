-- What sums of countries to groups are made of: figures of whole areas that may be added up, by sex and age alone. A
-- total over all counterparts is the same under every basis: bi.fact_observation has one of them, and so has this.
-- Of an indicator whose figures are not to be put together over areas there is no sum.
CREATE TEMPORARY TABLE group_figure ON COMMIT DROP AS
SELECT
    f.indicator,
    f.freq,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.time_period,
    f.year,
    f.unit,
    f.ref_area,
    f.source,
    f.published_value,
    f.concept_basis,
    bi.status_rank(f.published_value, f.obs_status, f.missing_reason) AS status_rank
FROM bi.fact_observation AS f
INNER JOIN ref.indicator AS i ON f.indicator = i.code AND f.unit = i.unit
INNER JOIN pg_temp.touched AS t ON f.indicator = t.indicator
LEFT JOIN ref.indicator_catalogue AS k ON f.indicator = k.code
WHERE
    coalesce(k.aggregation_area, 'sum') = 'sum'
    AND f.unit = any(%(counted)s) AND f.counterpart_area = '_T' AND f.subdivision = '_T'
    AND f.migration_status = '_T' AND f.education = '_T' AND f.labour_status = '_T' AND f.occupation = '_T'
    AND f.activity = '_T' AND f.reason = '_T' AND f.urbanisation = '_T' AND f.disability = '_T'
    AND f.breakdown = '_T'
