-- The table behind schema bi: one row per published figure, written by publish and by nothing else.
CREATE TABLE bi.fact_observation (
    observation_id text PRIMARY KEY,
    source text NOT NULL,
    dataset text NOT NULL,
    indicator text NOT NULL,
    freq text NOT NULL,
    ref_area text NOT NULL,
    subdivision text NOT NULL,
    counterpart_area text NOT NULL,
    counterpart_basis text NOT NULL,
    sex text NOT NULL,
    age text NOT NULL,
    migration_status text NOT NULL,
    education text NOT NULL,
    labour_status text NOT NULL,
    occupation text NOT NULL,
    activity text NOT NULL,
    reason text NOT NULL,
    urbanisation text NOT NULL,
    disability text NOT NULL,
    breakdown text NOT NULL,
    time_period text NOT NULL,
    year integer NOT NULL,
    value double precision,
    published_value double precision,
    is_total boolean NOT NULL,
    unit text NOT NULL,
    obs_status text NOT NULL,
    conf_status text NOT NULL,
    missing_reason text,
    nature text,
    concept_basis text,
    coverage text,
    residence_criterion text,
    reference_point text NOT NULL,
    point_in_time date,
    note text,
    release text NOT NULL,
    vintage integer NOT NULL
);

CREATE INDEX fact_observation_topic ON bi.fact_observation (indicator, ref_area, year);
CREATE INDEX fact_observation_source ON bi.fact_observation (source);

COMMENT ON TABLE bi.fact_observation IS
'One row per published figure. SUM(value) adds each person or dollar once within a year; published_value has every figure';
COMMENT ON COLUMN bi.fact_observation.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';
COMMENT ON COLUMN bi.fact_observation.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.fact_observation.dataset IS 'Table of the source that it was published in';
COMMENT ON COLUMN bi.fact_observation.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.fact_observation.freq IS 'Frequency, SDMX CL_FREQ: A year, S half-year, Q quarter, M month';
COMMENT ON COLUMN bi.fact_observation.ref_area IS 'Area that the figure is about, see dim_area';
COMMENT ON COLUMN bi.fact_observation.subdivision IS 'Part of the area, ISO 3166-2; _T the whole area';
COMMENT ON COLUMN bi.fact_observation.counterpart_area IS 'The other area (origin, citizenship), see dim_area; _T all';
COMMENT ON COLUMN bi.fact_observation.counterpart_basis IS 'What the other area is: birth, citizenship, origin; _Z none';
COMMENT ON COLUMN bi.fact_observation.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.fact_observation.age IS 'Age band, see dim_age; _T all ages';
COMMENT ON COLUMN bi.fact_observation.migration_status IS 'Migration status; _T all';
COMMENT ON COLUMN bi.fact_observation.education IS 'Level of education; _T all';
COMMENT ON COLUMN bi.fact_observation.labour_status IS 'Status in the labour force; _T all';
COMMENT ON COLUMN bi.fact_observation.occupation IS 'Occupation; _T all';
COMMENT ON COLUMN bi.fact_observation.activity IS 'Economic activity; _T all';
COMMENT ON COLUMN bi.fact_observation.reason IS 'Reason for migration; _T all';
COMMENT ON COLUMN bi.fact_observation.urbanisation IS 'Degree of urbanisation; _T all';
COMMENT ON COLUMN bi.fact_observation.disability IS 'Disability status; _T all';
COMMENT ON COLUMN bi.fact_observation.breakdown IS 'A further breakdown, scheme:code; _T all';
COMMENT ON COLUMN bi.fact_observation.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.fact_observation.year IS 'Year in which the period begins';
COMMENT ON COLUMN bi.fact_observation.value IS
'The figure where it can be added up with others of its year without counting anything twice; NULL on totals and where there is no figure';
COMMENT ON COLUMN bi.fact_observation.published_value IS 'The figure, on every row; NULL where there is none. Do not add up';
COMMENT ON COLUMN bi.fact_observation.is_total IS
'True where other rows (or a preferred source) already count what this row counts';
COMMENT ON COLUMN bi.fact_observation.unit IS 'Unit of value and published_value: PS persons, USD current US dollars, ...';
COMMENT ON COLUMN bi.fact_observation.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.fact_observation.conf_status IS 'SDMX CL_CONF_STATUS: F free, C confidential';
COMMENT ON COLUMN bi.fact_observation.missing_reason IS 'Why there is no figure';
COMMENT ON COLUMN bi.fact_observation.nature IS 'Nature of the figure, SDMX-SDG CL_NATURE';
COMMENT ON COLUMN bi.fact_observation.concept_basis IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.fact_observation.coverage IS 'What the figure covers where it is not the whole';
COMMENT ON COLUMN bi.fact_observation.residence_criterion IS 'Who counts as resident';
COMMENT ON COLUMN bi.fact_observation.reference_point IS 'Of stocks: start, end or MM-DD of the period; of flows: period';
COMMENT ON COLUMN bi.fact_observation.point_in_time IS 'Of stocks: the day that the figure is of';
COMMENT ON COLUMN bi.fact_observation.note IS 'Footnotes and flags as the publisher gives them';
COMMENT ON COLUMN bi.fact_observation.release IS 'Edition of the publisher that brought the figure';
COMMENT ON COLUMN bi.fact_observation.vintage IS 'Vintage of the source that brought the figure';
