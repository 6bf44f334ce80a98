-- Two figures that claim the same: what they differ by, and why. Corridors. Stocks against flows. The facts by which they
-- are made are include/comparisons/*.csv, brought here at every `migstats setup`; the CSV is the authority.

CREATE TABLE ref.tolerance (
    code text PRIMARY KEY,
    indicator text REFERENCES ref.indicator,
    unit text REFERENCES ref.unit,
    source text,
    other_source text,
    tolerance double precision NOT NULL CHECK (tolerance >= 0),
    reason_code text CHECK (reason_code = 'definition'),
    why text NOT NULL,
    CONSTRAINT tolerance_of_a_pair CHECK ((source IS NULL) = (other_source IS NULL))
);
COMMENT ON TABLE ref.tolerance IS
'How far two sources may be apart, as a part of the larger figure: by pair of sources, else indicator, else unit, else default';

CREATE TABLE ref.comparable (
    code text PRIMARY KEY CHECK (code <> 'cell'),
    indicator text NOT NULL REFERENCES ref.indicator,
    other_indicator text NOT NULL REFERENCES ref.indicator,
    relation text NOT NULL CHECK (relation IN ('equal', 'part', 'apart')),
    orientation text NOT NULL CHECK (orientation IN ('same', 'reversed')),
    conversion text NOT NULL CHECK (conversion IN ('none', 'per_100000_with_self')),
    denominator text REFERENCES ref.indicator,
    matched_by text NOT NULL CHECK (matched_by IN ('period', 'day')),
    other_concept text,
    tolerance double precision CHECK (tolerance >= 0),
    reason_code text CHECK (reason_code = 'definition'),
    why text NOT NULL,
    CONSTRAINT comparable_judged CHECK ((tolerance IS NULL) = (relation = 'apart')),
    CONSTRAINT comparable_divided CHECK ((denominator IS NULL) = (conversion = 'none')),
    CONSTRAINT comparable_two CHECK (indicator <> other_indicator)
);
COMMENT ON TABLE ref.comparable IS
'Two indicators that ought to agree: equal, one a part of the other, or apart: shown side by side and not judged';

CREATE TABLE ref.corridor_measure (
    code text PRIMARY KEY,
    measure text NOT NULL,
    indicator text NOT NULL REFERENCES ref.indicator,
    counterpart_basis text NOT NULL,
    ref_area_is text NOT NULL CHECK (ref_area_is IN ('origin', 'destination')),
    sex text NOT NULL REFERENCES ref.sex,
    breakdown text NOT NULL REFERENCES ref.breakdown,
    place integer NOT NULL,
    mirror text,
    note text NOT NULL
);
COMMENT ON TABLE ref.corridor_measure IS
'Which indicator tells which measure of a corridor, and whether its reporting area is the origin or the destination';

CREATE TABLE ref.stock_flow (
    code text PRIMARY KEY,
    account text NOT NULL,
    part text NOT NULL CHECK (part IN ('stock', 'inflow', 'outflow', 'naturalisation', 'births', 'deaths')),
    indicator text REFERENCES ref.indicator,
    sign integer NOT NULL CHECK (sign IN (1, -1)),
    counterpart_basis text,
    concept text,
    note text NOT NULL,
    CONSTRAINT stock_flow_part UNIQUE (account, part),
    CONSTRAINT stock_flow_stock CHECK (part <> 'stock' OR indicator IS NOT NULL)
);
COMMENT ON TABLE ref.stock_flow IS
'Which flows ought to explain the change of which stock; a part without an indicator is in the residual, since no source has it';

CREATE FUNCTION core.is_modelled(nature text, obs_status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(nature IN ('M', 'E'), FALSE) OR obs_status IN ('E', 'F', 'I')
$$;
COMMENT ON FUNCTION core.is_modelled IS
'Whether a figure was modelled, estimated, imputed or forecast, and observed by nobody: nature M or E, status E, F or I';

CREATE FUNCTION core.rounding_step(figure double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN figure = 0 THEN 0
    WHEN trim_scale(figure::numeric) <> trunc(figure::numeric) THEN 10.0 ^ (-scale(trim_scale(figure::numeric)))
    ELSE
        10.0 ^ (
            length(trunc(abs(figure::numeric))::text) - length(rtrim(trunc(abs(figure::numeric))::text, '0'))
        )
END::double precision
$$;
COMMENT ON FUNCTION core.rounding_step IS
'What a figure seems to be rounded to: 1000 of 52000, 0.1 of 4.2, by its zeros at the end or its decimals';

CREATE TABLE core.reconciliation (
    comparison text NOT NULL,
    relation text NOT NULL CHECK (relation IN ('equal', 'part', 'apart')),
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
    unit text NOT NULL,
    source text NOT NULL,
    observation_id text NOT NULL,
    published_value double precision NOT NULL,
    concept_basis text,
    point_in_time date,
    coverage text,
    other_indicator text NOT NULL,
    other_source text NOT NULL,
    other_observation_id text NOT NULL,
    other_published_value double precision NOT NULL,
    other_unit text NOT NULL,
    other_counterpart_basis text NOT NULL,
    other_concept_basis text,
    other_point_in_time date,
    other_coverage text,
    denominator_observation_id text,
    other_value double precision NOT NULL,
    difference double precision NOT NULL,
    ratio double precision,
    relative_difference double precision NOT NULL,
    tolerance double precision,
    within_tolerance boolean,
    reason_code text CHECK (
        reason_code IN ('definition', 'basis', 'reference_date', 'coverage', 'rounding', 'unexplained')
    ),
    explanation text NOT NULL,
    preferred_source text,
    score double precision,
    rank integer NOT NULL,
    restricted boolean NOT NULL,
    PRIMARY KEY (observation_id, other_observation_id, comparison),
    CONSTRAINT reconciliation_judged CHECK ((within_tolerance IS NULL) = (relation = 'apart')),
    CONSTRAINT reconciliation_explained CHECK ((reason_code IS NULL) = (difference = 0))
);
CREATE INDEX reconciliation_topic ON core.reconciliation (indicator, ref_area, year);
CREATE INDEX reconciliation_other ON core.reconciliation (other_observation_id);
COMMENT ON TABLE core.reconciliation IS
'Pairs of figures that claim the same. Those of a source that may not be passed on are restricted, and bi does not show them';
COMMENT ON COLUMN core.reconciliation.restricted IS
'Whether a figure of the pair, or what one was divided by, may not be passed on';

CREATE TABLE bi.corridor_figures (
    origin text NOT NULL,
    destination text NOT NULL,
    year integer NOT NULL,
    measure text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('corridor', 'same_area', 'residual', 'group')),
    is_shown boolean NOT NULL,
    is_first boolean NOT NULL,
    is_modelled boolean NOT NULL,
    value double precision,
    unit text NOT NULL,
    reported_by text NOT NULL,
    mirror text,
    indicator text NOT NULL,
    counterpart_basis text NOT NULL,
    concept_basis text,
    sex text NOT NULL,
    breakdown text NOT NULL,
    time_period text NOT NULL,
    obs_status text NOT NULL,
    source text NOT NULL,
    observation_id text NOT NULL,
    PRIMARY KEY (observation_id, measure)
);
CREATE INDEX corridor_figures_pair ON bi.corridor_figures (origin, destination, year);
CREATE INDEX corridor_figures_destination ON bi.corridor_figures (destination, year);
CREATE INDEX corridor_figures_mirror ON bi.corridor_figures (mirror, origin, destination, year)
WHERE mirror IS NOT NULL;
COMMENT ON TABLE bi.corridor_figures IS
'Every preferred figure about persons or money between two areas, with the direction that it has: one row a figure and measure';
COMMENT ON COLUMN bi.corridor_figures.origin IS 'Where the persons come from, see dim_area';
COMMENT ON COLUMN bi.corridor_figures.destination IS 'Where they live or go, see dim_area';
COMMENT ON COLUMN bi.corridor_figures.year IS 'Year in which the period of the figure begins';
COMMENT ON COLUMN bi.corridor_figures.measure IS 'What it is of the corridor: stock, flow_reported_by_destination, refugees ...';
COMMENT ON COLUMN bi.corridor_figures.kind IS
'corridor: two countries or territories; same_area: both are one; residual: unknown, other, stateless; group: a group of areas';
COMMENT ON COLUMN bi.corridor_figures.is_shown IS
'Of several observed figures of a measure, or several modelled ones, the one that bi.corridors shows';
COMMENT ON COLUMN bi.corridor_figures.is_first IS 'Of all figures of a measure, observed before modelled, the first';
COMMENT ON COLUMN bi.corridor_figures.is_modelled IS
'True where nobody observed it: modelled, estimated, imputed or forecast (nature M or E, status E, F or I)';
COMMENT ON COLUMN bi.corridor_figures.value IS 'The figure; NULL where there is none';
COMMENT ON COLUMN bi.corridor_figures.unit IS 'Unit of value';
COMMENT ON COLUMN bi.corridor_figures.reported_by IS 'Which of the two areas the figure is published for: origin or destination';
COMMENT ON COLUMN bi.corridor_figures.mirror IS 'What both sides can report: migration, remittances; NULL where there is no mirror';
COMMENT ON COLUMN bi.corridor_figures.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.corridor_figures.counterpart_basis IS
'How the two areas are joined: birth, citizenship, previous_residence, next_residence ...';
COMMENT ON COLUMN bi.corridor_figures.concept_basis IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.corridor_figures.sex IS 'Sex, see dim_sex; _T both';
COMMENT ON COLUMN bi.corridor_figures.breakdown IS 'A further breakdown, scheme:code; _T none';
COMMENT ON COLUMN bi.corridor_figures.time_period IS 'SDMX period, see dim_time';
COMMENT ON COLUMN bi.corridor_figures.obs_status IS 'SDMX CL_OBS_STATUS, see dim_status';
COMMENT ON COLUMN bi.corridor_figures.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.corridor_figures.observation_id IS 'Id of the figure; `migstats trace <id>` leads back to its cell';

CREATE TABLE bi.stock_flow (
    account text NOT NULL,
    ref_area text NOT NULL,
    source text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    stock_before double precision NOT NULL,
    stock_after double precision NOT NULL,
    change double precision NOT NULL,
    inflow double precision,
    outflow double precision,
    naturalisation double precision,
    residual double precision,
    residual_share double precision,
    why_no_residual text,
    residual_holds text,
    is_prorated boolean NOT NULL,
    is_modelled boolean NOT NULL,
    concept_basis text,
    observation_id_before text NOT NULL,
    observation_id_after text NOT NULL,
    PRIMARY KEY (account, ref_area, source, first_day),
    CONSTRAINT stock_flow_residual CHECK ((residual IS NULL) = (why_no_residual IS NOT NULL))
);
COMMENT ON TABLE bi.stock_flow IS
'What the stock of migrants of a country changed by between two dates, the flows in between, and what they leave unexplained';
COMMENT ON COLUMN bi.stock_flow.account IS 'foreign_citizens or foreign_born: whose stock and flows it is';
COMMENT ON COLUMN bi.stock_flow.ref_area IS 'Country, see dim_area';
COMMENT ON COLUMN bi.stock_flow.source IS 'Source of the two stocks, see dim_source';
COMMENT ON COLUMN bi.stock_flow.first_day IS 'First day whose flows count: after the earlier stock';
COMMENT ON COLUMN bi.stock_flow.last_day IS 'Last day whose flows count: up to the later stock';
COMMENT ON COLUMN bi.stock_flow.stock_before IS 'The earlier stock, persons';
COMMENT ON COLUMN bi.stock_flow.stock_after IS 'The later stock, persons';
COMMENT ON COLUMN bi.stock_flow.change IS 'stock_after less stock_before';
COMMENT ON COLUMN bi.stock_flow.inflow IS 'Who came in between; NULL where a part of the time has no figure';
COMMENT ON COLUMN bi.stock_flow.outflow IS 'Who left in between; NULL where a part of the time has no figure';
COMMENT ON COLUMN bi.stock_flow.naturalisation IS 'Who became a citizen in between; NULL where a part of the time has no figure, or the account has none';
COMMENT ON COLUMN bi.stock_flow.residual IS 'The change that inflow, outflow and naturalisation leave unexplained; NULL where one is missing';
COMMENT ON COLUMN bi.stock_flow.residual_share IS 'The residual as a part of the earlier stock: 0.05 is five per cent; NULL where that stock is nought';
COMMENT ON COLUMN bi.stock_flow.why_no_residual IS 'What is missing, or why the two stocks do not compare';
COMMENT ON COLUMN bi.stock_flow.residual_holds IS 'What of the change no source has, and stands in the residual: births, deaths';
COMMENT ON COLUMN bi.stock_flow.is_prorated IS
'True where a date of a stock cuts a year: the flows of that year count by days';
COMMENT ON COLUMN bi.stock_flow.is_modelled IS 'True where a flow or a stock was modelled, estimated, imputed or forecast';
COMMENT ON COLUMN bi.stock_flow.concept_basis IS 'Who counts in the stocks: birth, citizenship';
COMMENT ON COLUMN bi.stock_flow.observation_id_before IS 'Id of the figure of the earlier stock';
COMMENT ON COLUMN bi.stock_flow.observation_id_after IS 'Id of the figure of the later stock';

GRANT SELECT ON ref.tolerance, ref.comparable, ref.corridor_measure, ref.stock_flow TO migstats_etl;
GRANT INSERT, UPDATE, DELETE ON core.reconciliation, bi.corridor_figures, bi.stock_flow TO migstats_etl;

-- Everything is published once more: the tables are filled by publish.
UPDATE ops.publication SET restricted = NULL;
