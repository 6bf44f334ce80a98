-- Two clocks. The publisher's releases bound when a figure was known to the world (known_from, known_to); our acceptances
-- bound when our own readers saw it (vintage_from, vintage_to). A release that arrives late splits ranges of the first
-- clock and never touches the second one: a fact that no reader ever saw has vintage_to = vintage_from.
ALTER TABLE ops.vintage
ADD COLUMN cause text NOT NULL DEFAULT 'publisher' CHECK (cause IN ('publisher', 'crosswalk', 'code')),
ADD COLUMN made_with text;

COMMENT ON COLUMN ops.vintage.cause IS
'publisher: other figures were served; crosswalk: the same bytes with other codes or corrections; code: with other code';
COMMENT ON COLUMN ops.vintage.made_with IS
'Declaration, codes, corrections and codelists that it was made with: a folder of the lake with this hash';

ALTER TABLE core.observation
DROP CONSTRAINT one_current_row,
DROP CONSTRAINT end_reason_known,
ADD COLUMN known_from timestamptz,
ADD COLUMN known_to timestamptz;

UPDATE core.observation AS o
SET known_from = v.released_at
FROM ops.vintage AS v
WHERE o.vintage_from = v.vintage_id;

UPDATE core.observation AS o
SET known_to = greatest(v.released_at, o.known_from)
FROM ops.vintage AS v
WHERE o.vintage_to = v.vintage_id;

ALTER TABLE core.observation
ALTER COLUMN known_from SET NOT NULL,
ADD CONSTRAINT end_reason_known CHECK (end_reason IN ('revised', 'deleted_at_source', 'remapped')),
ADD CONSTRAINT known_in_order CHECK (known_from <= known_to),
ADD CONSTRAINT both_clocks_end CHECK ((known_to IS NULL) = (vintage_to IS NULL));

CREATE UNIQUE INDEX one_current_row ON core.observation (series_id, time_id, source) WHERE known_to IS NULL;

COMMENT ON COLUMN core.observation.known_from IS 'Release from which it was the figure';
COMMENT ON COLUMN core.observation.known_to IS
'Release from which it was no longer the figure; NULL while it stands; equal to known_from where we were wrong about it';
COMMENT ON COLUMN core.observation.vintage_from IS 'Vintage that brought it: from its acceptance our readers saw it';
COMMENT ON COLUMN core.observation.vintage_to IS
'Vintage whose acceptance took it away; NULL while it stands; equal to vintage_from where no reader ever saw it';
COMMENT ON COLUMN core.observation.end_reason IS
'revised: another figure came; deleted_at_source: the publisher dropped it; remapped: we had understood it otherwise';

-- A slice has one state for each moment at which the publisher put out something else.
ALTER TABLE ops.slice_state
ADD COLUMN released_at timestamptz,
ADD COLUMN snapshots text[] NOT NULL DEFAULT '{}',
ADD COLUMN made_with text NOT NULL DEFAULT '';

UPDATE ops.slice_state AS s
SET released_at = l.released_at
FROM ops.load AS l
WHERE s.load_id = l.load_id;

ALTER TABLE ops.slice_state
ALTER COLUMN released_at SET NOT NULL,
DROP CONSTRAINT slice_state_pkey,
ADD PRIMARY KEY (source, slice, released_at);

COMMENT ON TABLE ops.slice_state IS
'What was accepted of each slice, by release: a file of the lake guarded by its hash';

CREATE FUNCTION core.as_of(at timestamptz) RETURNS SETOF core.observation
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT o.* FROM core.observation AS o
WHERE o.known_from <= at AND (o.known_to IS NULL OR o.known_to > at);
$$;

COMMENT ON FUNCTION core.as_of IS 'The figures by release: what the world could know at that moment';

CREATE FUNCTION core.as_published(at timestamptz) RETURNS SETOF core.observation
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT o.* FROM core.observation AS o
INNER JOIN ops.vintage AS f ON o.vintage_from = f.vintage_id
LEFT JOIN ops.vintage AS t ON o.vintage_to = t.vintage_id
WHERE f.accepted_at <= at AND (o.vintage_to IS NULL OR t.accepted_at > at);
$$;

COMMENT ON FUNCTION core.as_published IS 'The figures by acceptance: what our own readers saw at that moment';

CREATE FUNCTION core.updated_after(at timestamptz)
RETURNS TABLE (
    change text,
    source text,
    series_id bigint,
    time_id integer,
    was double precision,
    was_obs_status text,
    value double precision,
    obs_status text,
    attribute_id bigint,
    vintage integer
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH gone AS (
    SELECT p.* FROM core.as_published(at) AS p
    WHERE p.vintage_to IS NOT NULL
),

come AS (
    SELECT o.* FROM core.observation AS o
    INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
    WHERE o.vintage_to IS NULL AND v.accepted_at > at
),

-- of a figure that ended more than once since, the last ending says by which vintage it went
ended AS (
    SELECT DISTINCT ON (o.source, o.series_id, o.time_id)
        o.source,
        o.series_id,
        o.time_id,
        o.vintage_to
    FROM core.observation AS o
    INNER JOIN ops.vintage AS v ON o.vintage_to = v.vintage_id
    WHERE v.accepted_at > at AND o.vintage_to > o.vintage_from
    ORDER BY o.source, o.series_id, o.time_id, o.vintage_to DESC
)

SELECT
    CASE WHEN g.source IS NULL THEN 'insert' WHEN c.source IS NULL THEN 'delete' ELSE 'change' END,
    coalesce(c.source, g.source),
    coalesce(c.series_id, g.series_id),
    coalesce(c.time_id, g.time_id),
    g.value,
    g.obs_status,
    c.value,
    c.obs_status,
    coalesce(c.attribute_id, g.attribute_id),
    coalesce(c.vintage_from, e.vintage_to)
FROM gone AS g
FULL JOIN come AS c ON g.source = c.source AND g.series_id = c.series_id AND g.time_id = c.time_id
LEFT JOIN ended AS e ON g.source = e.source AND g.series_id = e.series_id AND g.time_id = e.time_id
WHERE
    g.source IS NULL OR c.source IS NULL
    OR (g.value, g.obs_status, g.attribute_id) IS DISTINCT FROM (c.value, c.obs_status, c.attribute_id);
$$;

COMMENT ON FUNCTION core.updated_after IS
'What our readers see now and did not see at that moment: insert, change or delete, one row a figure';

REVOKE ALL ON FUNCTION core.as_of, core.as_published, core.updated_after FROM public;
GRANT EXECUTE ON FUNCTION core.as_of, core.as_published, core.updated_after TO migstats_etl;
