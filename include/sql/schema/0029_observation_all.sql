-- Every figure of every source stands in bi.observation_all; bi.fact_observation is one preferred figure per cell.
ALTER TABLE bi.fact_observation RENAME TO observation_all;
ALTER INDEX bi.fact_observation_pkey RENAME TO observation_all_pkey;
ALTER INDEX bi.fact_observation_topic RENAME TO observation_all_topic;
ALTER INDEX bi.fact_observation_source RENAME TO observation_all_source;

-- What was published before is shown as it was until it is published once more, which the last statement asks for.
ALTER TABLE bi.observation_all
ADD COLUMN preferred boolean NOT NULL DEFAULT TRUE,
ADD COLUMN why_preferred text,
ADD COLUMN method text NOT NULL DEFAULT 'published',
ADD COLUMN disclosure integer;
ALTER TABLE bi.observation_all
ALTER COLUMN preferred DROP DEFAULT,
ALTER COLUMN method DROP DEFAULT;
DROP VIEW core.published;
ALTER TABLE core.restricted
ADD COLUMN preferred boolean NOT NULL DEFAULT FALSE,
ADD COLUMN why_preferred text,
ADD COLUMN method text NOT NULL DEFAULT 'published',
ADD COLUMN disclosure integer;
ALTER TABLE core.restricted
ALTER COLUMN preferred DROP DEFAULT,
ALTER COLUMN method DROP DEFAULT;

COMMENT ON TABLE bi.observation_all IS
'One row per published figure of every source; fact_observation has the preferred one of each cell. SUM(value) adds each person or dollar once within a year';
COMMENT ON COLUMN bi.observation_all.preferred IS
'True where fact_observation shows it: one figure per cell (all dimensions and the period) whatever the source';
COMMENT ON COLUMN bi.observation_all.why_preferred IS 'Why it is the one that is shown, see dim_preference; NULL: it is not';
COMMENT ON COLUMN bi.observation_all.method IS
'published: as the source has it; derived: computed by us from figures of other indicators; sum: parts added up by us. See derivation';
COMMENT ON COLUMN bi.observation_all.disclosure IS 'Id of the run of disclosure control that let it through';

CREATE INDEX fact_observation_topic ON bi.observation_all (indicator, ref_area, year) WHERE preferred;

CREATE VIEW bi.fact_observation AS
SELECT
    observation_id,
    source,
    dataset,
    indicator,
    freq,
    ref_area,
    subdivision,
    counterpart_area,
    counterpart_basis,
    sex,
    age,
    migration_status,
    education,
    labour_status,
    occupation,
    activity,
    reason,
    urbanisation,
    disability,
    breakdown,
    time_period,
    year,
    value,
    published_value,
    is_total,
    unit,
    obs_status,
    conf_status,
    missing_reason,
    nature,
    concept_basis,
    coverage,
    residence_criterion,
    reference_point,
    point_in_time,
    note,
    release,
    vintage,
    subdivision_matched,
    subdivision_published,
    match_level,
    why_preferred,
    method
FROM bi.observation_all
WHERE preferred;

COMMENT ON VIEW bi.fact_observation IS
'One row per cell: the figure of the preferred source. SUM(value) adds each person or dollar once within a year; published_value has every figure. The others stand in observation_all';

-- The same words as in the table that it shows.
DO $$
DECLARE
    told record;
BEGIN
    FOR told IN
        SELECT
            v.attname AS name,
            col_description(t.attrelid, t.attnum) AS said
        FROM pg_attribute AS v
        INNER JOIN pg_attribute AS t ON v.attname = t.attname
        WHERE
            v.attrelid = 'bi.fact_observation'::regclass AND t.attrelid = 'bi.observation_all'::regclass
            AND v.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN bi.fact_observation.%I IS %L', told.name, told.said);
    END LOOP;
END
$$;

CREATE VIEW core.published AS
SELECT * FROM bi.observation_all -- noqa: AM04
UNION ALL
SELECT * FROM core.restricted; -- noqa: AM04
COMMENT ON VIEW core.published IS
'Every published figure, those that may not be passed on too. SUM(value) counts nothing twice: a restricted figure has a value only where no source of bi has one';
COMMENT ON TABLE core.restricted IS
'As bi.observation_all, of sources whose figures may not be passed on (redistribution forbidden or unclear)';

-- Figures that we compute lead back to those that they were computed from.
CREATE TABLE bi.derivation (
    observation_id text NOT NULL,
    role text NOT NULL,
    input_observation_id text NOT NULL,
    PRIMARY KEY (observation_id, role, input_observation_id)
);
CREATE INDEX derivation_input ON bi.derivation (input_observation_id);
COMMENT ON TABLE bi.derivation IS 'From which figures those of source migstats are computed: one row per figure that went in';
COMMENT ON COLUMN bi.derivation.observation_id IS 'Id of the figure that was computed';
COMMENT ON COLUMN bi.derivation.role IS 'What the other figure is in the formula: numerator, denominator, part ...';
COMMENT ON COLUMN bi.derivation.input_observation_id IS 'Id of the figure that went in; lineage leads to its cell';

-- What is computed here is a source like others to those who read; no run loads it.
INSERT INTO ref.source (
    code, title, publisher, homepage, licence, licence_url, redistribution, citation, owner
)
VALUES (
    'migstats',
    'Figures computed from those of other sources',
    'migstats',
    'docs/indicators.md',
    'see the sources of the figures that went in',
    'docs/indicators.md',
    'allowed',
    'Own computation; cite the sources of the figures that went in (bi.derivation)',
    'statistics'
);

CREATE TABLE ref.why_preferred (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text NOT NULL,
    name_es text NOT NULL,
    name_ar text NOT NULL,
    name_ru text NOT NULL
);
COMMENT ON TABLE ref.why_preferred IS 'Why the figure of a source is the one that is shown';

GRANT INSERT, DELETE ON bi.derivation TO migstats_etl;
GRANT SELECT ON ref.why_preferred TO migstats_etl;
GRANT INSERT, UPDATE, DELETE ON bi.observation_all TO migstats_etl;

-- Everything is published once more: preferred is said by publish.
UPDATE ops.publication SET restricted = NULL;
