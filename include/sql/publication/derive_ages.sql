-- Standard age bands that no source publishes, where published bands tile them exactly. One that misses a part has no
-- value, and the status that says so (include/algebra.csv); where no part has a figure there is no row, but for one that
-- was suppressed.
WITH parts AS (
    SELECT
        a.cell,
        v.target,
        p.*
    FROM pg_temp.age_cell AS c
    INNER JOIN pg_temp.age_cover AS v ON c.bands = v.bands
    INNER JOIN pg_temp.age_part AS a ON c.cell = a.cell AND v.part = a.age
    INNER JOIN pg_temp.published AS p ON a.observation_id = p.observation_id
),

sums AS (
    SELECT
        cell,
        target,
        'migstats-' || left(md5('age_bands|' || cell::text || '|' || target), 16) || '-' || min(time_period)
            AS observation_id,
        min(source) AS source,
        min(indicator) AS indicator,
        min(freq) AS freq,
        min(ref_area) AS ref_area,
        min(subdivision) AS subdivision,
        min(counterpart_area) AS counterpart_area,
        min(counterpart_basis) AS counterpart_basis,
        min(sex) AS sex,
        min(migration_status) AS migration_status,
        min(education) AS education,
        min(labour_status) AS labour_status,
        min(occupation) AS occupation,
        min(activity) AS activity,
        min(reason) AS reason,
        min(urbanisation) AS urbanisation,
        min(disability) AS disability,
        min(breakdown) AS breakdown,
        min(time_period) AS time_period,
        min(year) AS year,
        min(unit) AS unit,
        bi.total(published_value, obs_status, missing_reason) AS published_value,
        bi.total_status(published_value, obs_status, missing_reason) AS obs_status,
        bi.total_reason(published_value, obs_status, missing_reason) AS missing_reason,
        coalesce(max(conf_status) FILTER (WHERE conf_status <> 'F'), 'F') AS conf_status,
        CASE WHEN min(nature) = max(nature) THEN min(nature) END AS nature,
        min(concept_basis) AS concept_basis,
        min(coverage) AS coverage,
        min(residence_criterion) AS residence_criterion,
        min(reference_point) AS reference_point,
        min(point_in_time) AS point_in_time,
        string_agg(age, ', ' ORDER BY age) AS bands,
        max(release) AS release,
        max(vintage) AS vintage,
        min(subdivision_matched) AS subdivision_matched,
        min(subdivision_published) AS subdivision_published,
        min(match_level) AS match_level,
        max(disclosure) AS disclosure
    FROM parts
    GROUP BY cell, target
    HAVING count(published_value) > 0 OR bool_or(missing_reason = 'suppressed')
),

-- a source that has the band itself has the word, though its figure be missing or suppressed
made AS (
    SELECT s.* FROM sums AS s
    WHERE NOT EXISTS (
        SELECT 1
        FROM pg_temp.published AS p
        INNER JOIN ref.source AS r ON p.source = r.code
        WHERE
            r.redistribution = 'allowed' AND s.target = p.age
            AND s.indicator = p.indicator
            AND s.freq = p.freq
            AND s.ref_area = p.ref_area
            AND s.subdivision = p.subdivision
            AND s.counterpart_area = p.counterpart_area
            AND s.sex = p.sex
            AND s.migration_status = p.migration_status
            AND s.education = p.education
            AND s.labour_status = p.labour_status
            AND s.occupation = p.occupation
            AND s.activity = p.activity
            AND s.reason = p.reason
            AND s.urbanisation = p.urbanisation
            AND s.disability = p.disability
            AND s.breakdown = p.breakdown
            AND s.time_period = p.time_period
            AND (s.counterpart_area = '_T' OR s.counterpart_basis = p.counterpart_basis)
    )
),

added AS (
    INSERT INTO pg_temp.published (
        observation_id, source, dataset, indicator, freq, ref_area, subdivision, counterpart_area,
        counterpart_basis, sex, age, migration_status, education, labour_status, occupation, activity, reason,
        urbanisation, disability, breakdown, time_period, year, value, published_value, is_total, unit, obs_status,
        conf_status, missing_reason, nature, concept_basis, coverage, residence_criterion, reference_point,
        point_in_time, note, release, vintage, subdivision_matched, subdivision_published, match_level, preferred,
        why_preferred, method, disclosure
    )
    SELECT
        m.observation_id,
        'migstats',
        'age_bands',
        m.indicator,
        m.freq,
        m.ref_area,
        m.subdivision,
        m.counterpart_area,
        m.counterpart_basis,
        m.sex,
        m.target,
        m.migration_status,
        m.education,
        m.labour_status,
        m.occupation,
        m.activity,
        m.reason,
        m.urbanisation,
        m.disability,
        m.breakdown,
        m.time_period,
        m.year,
        NULL,
        m.published_value,
        TRUE,
        m.unit,
        m.obs_status,
        m.conf_status,
        m.missing_reason,
        m.nature,
        m.concept_basis,
        m.coverage,
        m.residence_criterion,
        m.reference_point,
        m.point_in_time,
        'sum of ' || m.bands || ' of ' || m.source,
        m.release,
        m.vintage,
        m.subdivision_matched,
        m.subdivision_published,
        m.match_level,
        TRUE,
        'only_source',
        'sum',
        m.disclosure
    FROM made AS m
)

INSERT INTO pg_temp.derivation (observation_id, role, input_observation_id)
SELECT
    m.observation_id,
    'part',
    p.observation_id AS input_observation_id
FROM made AS m
INNER JOIN parts AS p ON m.cell = p.cell AND m.target = p.target
