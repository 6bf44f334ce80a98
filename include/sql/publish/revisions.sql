CREATE OR REPLACE VIEW bi.revisions AS
-- The record as it was at the publication that readers see: what a vintage after it changed is taken back. A figure that
-- was hidden stays hidden in the past; of a source with a policy of disclosure control, so does what it never let through.
WITH recorded AS (
    SELECT
        source,
        series_id,
        time_id,
        value,
        obs_status,
        attribute_id,
        vintage_from,
        vintage_to,
        end_reason,
        known_from,
        known_to,
        coalesce(recorded_from, vintage_from) AS recorded_from,
        NULL::integer AS recorded_to
    FROM core.observation
    UNION ALL
    SELECT
        source,
        series_id,
        time_id,
        value,
        obs_status,
        attribute_id,
        vintage_from,
        vintage_to,
        end_reason,
        known_from,
        known_to,
        recorded_from,
        recorded_to
    FROM core.superseded
)

SELECT
    o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period AS observation_id,
    o.source,
    a.dataset,
    s.indicator,
    s.freq,
    s.ref_area,
    s.subdivision,
    s.counterpart_area,
    s.counterpart_basis,
    s.sex,
    s.age,
    s.migration_status,
    s.education,
    s.labour_status,
    s.occupation,
    s.activity,
    s.reason,
    s.urbanisation,
    s.disability,
    s.breakdown,
    t.time_period,
    extract(YEAR FROM t.period_start)::integer AS year,
    CASE WHEN m.withheld THEN h.shown ELSE o.value END AS published_value,
    a.unit,
    CASE WHEN m.withheld AND h.shown IS NULL THEN 'Q' ELSE o.obs_status END AS obs_status,
    CASE WHEN m.withheld THEN coalesce(h.conf_status, 'C') ELSE a.conf_status END AS conf_status,
    CASE WHEN m.withheld AND h.shown IS NULL THEN 'suppressed' ELSE a.missing_reason END AS missing_reason,
    a.concept_basis,
    a.note,
    v.release,
    o.vintage_from AS vintage,
    o.known_from,
    CASE WHEN o.vintage_to > p.vintage_id THEN NULL ELSE o.known_to END AS known_to,
    CASE WHEN o.vintage_to = o.vintage_from THEN NULL ELSE f.shown_at END AS accepted_from,
    CASE WHEN o.vintage_to = o.vintage_from OR o.vintage_to > p.vintage_id THEN NULL ELSE w.shown_at END
        AS accepted_to,
    CASE WHEN o.vintage_to > p.vintage_id THEN NULL ELSE o.end_reason END AS end_reason,
    v.cause
FROM recorded AS o
INNER JOIN ops.publication AS p ON o.source = p.source AND o.recorded_from <= p.vintage_id
INNER JOIN ref.source AS l ON o.source = l.code AND l.redistribution = 'allowed'
INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
INNER JOIN ops.shown AS f ON o.vintage_from = f.vintage_id
LEFT JOIN ops.shown AS w ON o.vintage_to = w.vintage_id
LEFT JOIN core.suppressed AS h
    ON
        o.vintage_from = h.vintage AND (h.standing OR o.vintage_to <= p.vintage_id)
        AND h.observation_id
        = o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-' || t.time_period
CROSS JOIN
    LATERAL (
        SELECT
            o.value IS NOT NULL AND (
                h.observation_id IS NOT NULL
                OR a.conf_status IN ('C', 'N', 'D', 'S')
                OR (
                    l.disclosure <> 'inherit'
                    AND NOT EXISTS (
                        SELECT FROM ops.disclosure AS d
                        WHERE
                            d.source = o.source AND d.policy <> 'inherit' AND d.vintage_id >= o.vintage_from
                            AND (o.vintage_to IS NULL OR d.vintage_id < o.vintage_to)
                    )
                )
            ) AS withheld
    ) AS m
WHERE o.recorded_to IS NULL OR o.recorded_to > p.vintage_id;

COMMENT ON VIEW bi.revisions IS
'Every figure of every published vintage with two clocks: known by the publisher''s releases, accepted by what was shown here. For a moment use bi.as_of or bi.as_published; never sum over this view';
COMMENT ON COLUMN bi.revisions.observation_id IS 'Id of the figure, the same in every vintage';
COMMENT ON COLUMN bi.revisions.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.revisions.dataset IS 'Table of the source that it was published in';
COMMENT ON COLUMN bi.revisions.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.revisions.freq IS 'Frequency: A year, Q quarter, M month';
COMMENT ON COLUMN bi.revisions.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.revisions.subdivision IS 'Part of the area, ISO 3166-2; _T the whole';
COMMENT ON COLUMN bi.revisions.counterpart_area IS 'Area of birth, citizenship, origin or destination; _T all';
COMMENT ON COLUMN bi.revisions.counterpart_basis IS 'What the counterpart area is to the persons';
COMMENT ON COLUMN bi.revisions.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.revisions.age IS 'Age band, see dim_age; _T all';
COMMENT ON COLUMN bi.revisions.migration_status IS 'Migration status; _T all';
COMMENT ON COLUMN bi.revisions.education IS 'Education; _T all';
COMMENT ON COLUMN bi.revisions.labour_status IS 'Labour status; _T all';
COMMENT ON COLUMN bi.revisions.occupation IS 'Occupation; _T all';
COMMENT ON COLUMN bi.revisions.activity IS 'Economic activity; _T all';
COMMENT ON COLUMN bi.revisions.reason IS 'Reason for migration; _T all';
COMMENT ON COLUMN bi.revisions.urbanisation IS 'Degree of urbanisation; _T all';
COMMENT ON COLUMN bi.revisions.disability IS 'Disability; _T all';
COMMENT ON COLUMN bi.revisions.breakdown IS 'Further breakdown, scheme:code; _T none';
COMMENT ON COLUMN bi.revisions.time_period IS 'Period that the figure is about';
COMMENT ON COLUMN bi.revisions.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.revisions.published_value IS 'Figure; NULL where there is none, see obs_status';
COMMENT ON COLUMN bi.revisions.unit IS 'Unit: PS persons, USD dollars, PT per cent';
COMMENT ON COLUMN bi.revisions.obs_status IS 'Status of the figure, see dim_status';
COMMENT ON COLUMN bi.revisions.conf_status IS 'Confidentiality of the figure';
COMMENT ON COLUMN bi.revisions.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.revisions.concept_basis IS 'Who counts as a migrant in this figure';
COMMENT ON COLUMN bi.revisions.note IS 'Note of the publisher, and id of a correction of ours';
COMMENT ON COLUMN bi.revisions.release IS 'Edition that brought it';
COMMENT ON COLUMN bi.revisions.vintage IS 'Vintage that brought it';
COMMENT ON COLUMN bi.revisions.known_from IS 'Release from which it was the figure';
COMMENT ON COLUMN bi.revisions.known_to IS 'Release from which it was no longer the figure; NULL while it stands';
COMMENT ON COLUMN bi.revisions.accepted_from IS 'When it was accepted and readers began to see it; NULL where it never was the figure shown';
COMMENT ON COLUMN bi.revisions.accepted_to IS 'When readers saw another one in its place, or none; NULL while it stands';
COMMENT ON COLUMN bi.revisions.end_reason IS 'revised, deleted_at_source, remapped (we had understood it otherwise), or repeated (the next release says the same)';
COMMENT ON COLUMN bi.revisions.cause IS 'Why the vintage came: publisher, crosswalk (our codes), code (our program)';

CREATE OR REPLACE FUNCTION bi.as_of(at timestamptz) RETURNS SETOF bi.revisions
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT r.* FROM bi.revisions AS r
WHERE r.known_from <= at AND (r.known_to IS NULL OR r.known_to > at)
$$;

COMMENT ON FUNCTION bi.as_of IS 'The figures by release: what the world could know at that moment';

CREATE OR REPLACE FUNCTION bi.as_published(at timestamptz) RETURNS SETOF bi.revisions
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT r.* FROM bi.revisions AS r
WHERE r.accepted_from <= at AND (r.accepted_to IS NULL OR r.accepted_to > at)
$$;

COMMENT ON FUNCTION bi.as_published IS 'The figures by acceptance: what readers of this warehouse saw at that moment';

CREATE OR REPLACE FUNCTION bi.updated_after(at timestamptz)
RETURNS TABLE (
    change text, observation_id text, was double precision, was_obs_status text, published_value double precision,
    obs_status text
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH gone AS (
    SELECT r.* FROM bi.revisions AS r
    WHERE r.accepted_from <= at AND r.accepted_to > at
),

come AS (
    SELECT r.* FROM bi.revisions AS r
    WHERE r.accepted_from > at AND r.accepted_to IS NULL
)

SELECT
    CASE WHEN g.observation_id IS NULL THEN 'insert' WHEN c.observation_id IS NULL THEN 'delete' ELSE 'change' END,
    coalesce(c.observation_id, g.observation_id),
    g.published_value,
    g.obs_status,
    c.published_value,
    c.obs_status
FROM gone AS g
FULL JOIN come AS c ON g.observation_id = c.observation_id
WHERE
    g.observation_id IS NULL OR c.observation_id IS NULL
    OR (
        g.published_value, g.dataset, g.unit, g.obs_status, g.conf_status, g.missing_reason, g.concept_basis, g.note
    ) IS DISTINCT FROM (
        c.published_value, c.dataset, c.unit, c.obs_status, c.conf_status, c.missing_reason, c.concept_basis, c.note
    )
$$;

COMMENT ON FUNCTION bi.updated_after IS
'What readers see now and did not see at that moment: insert, change or delete, one row a figure';
