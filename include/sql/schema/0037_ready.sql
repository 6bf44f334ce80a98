-- What charts ask often is kept ready: corridors and their mirrors, sums by year, and indexes of totals.

CREATE TABLE core.corridor (
    origin text NOT NULL,
    destination text NOT NULL,
    year integer NOT NULL,
    stock double precision,
    stock_basis text,
    stock_concept text,
    stock_is_modelled boolean,
    stock_source text,
    stock_observation_id text,
    stock_women double precision,
    flow_reported_by_destination double precision,
    flow_reported_by_destination_source text,
    flow_reported_by_destination_observation_id text,
    flow_reported_by_origin double precision,
    flow_reported_by_origin_source text,
    flow_reported_by_origin_observation_id text,
    mirror_asymmetry double precision,
    missing_mirror text,
    flow_reported_by_destination_modelled double precision,
    flow_reported_by_origin_modelled double precision,
    citizens_abroad double precision,
    inflow_of_citizens double precision,
    outflow_of_citizens double precision,
    inflow_of_natives double precision,
    returnees double precision,
    labour_permits double precision,
    labour_departures double precision,
    emigrants_registered double precision,
    first_residence_permits double precision,
    remittances_reported_by_origin double precision,
    remittances_reported_by_destination double precision,
    remittances_modelled double precision,
    remittances_back double precision,
    remittances_back_modelled double precision,
    remittance_cost double precision,
    asylum_applications double precision,
    asylum_applications_new double precision,
    refugees double precision,
    modelled_elsewhere text,
    is_latest boolean NOT NULL,
    PRIMARY KEY (origin, destination, year)
);
CREATE INDEX corridor_destination ON core.corridor (destination, origin);
CREATE INDEX corridor_year ON core.corridor ((year::text));
CREATE INDEX corridor_latest ON core.corridor (origin, destination) WHERE is_latest;

COMMENT ON TABLE core.corridor IS 'What bi.corridors shows, without names: one row a pair of areas and year';
COMMENT ON COLUMN core.corridor.origin IS 'Country or territory that the persons come from, see dim_area';
COMMENT ON COLUMN core.corridor.destination IS 'Country or territory where they live or go, see dim_area';
COMMENT ON COLUMN core.corridor.year IS 'Year in which the period of the figures begins';
COMMENT ON COLUMN core.corridor.stock IS 'Migrants from the origin who live in the destination, persons';
COMMENT ON COLUMN core.corridor.stock_basis IS
'How they are joined to the origin: origin (birth, or citizenship where that is not known), birth, citizenship';
COMMENT ON COLUMN core.corridor.stock_concept IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN core.corridor.stock_is_modelled IS 'True where the stock is modelled, estimated or imputed';
COMMENT ON COLUMN core.corridor.stock_source IS 'Source of the stock, see dim_source';
COMMENT ON COLUMN core.corridor.stock_observation_id IS 'Id of the figure of the stock';
COMMENT ON COLUMN core.corridor.stock_women IS
'Women and girls among the stock, of the same source; NULL where it does not tell them apart';
COMMENT ON COLUMN core.corridor.flow_reported_by_destination IS
'Immigrants from the origin by last residence, as the destination reports: observed, persons in the year';
COMMENT ON COLUMN core.corridor.flow_reported_by_destination_source IS 'Source of that figure';
COMMENT ON COLUMN core.corridor.flow_reported_by_destination_observation_id IS 'Id of that figure';
COMMENT ON COLUMN core.corridor.flow_reported_by_origin IS
'Emigrants to the destination by next residence, as the origin reports: observed, persons in the year';
COMMENT ON COLUMN core.corridor.flow_reported_by_origin_source IS 'Source of that figure';
COMMENT ON COLUMN core.corridor.flow_reported_by_origin_observation_id IS 'Id of that figure';
COMMENT ON COLUMN core.corridor.mirror_asymmetry IS
'How far the two observed flows are apart, as a part of the larger: 0 the same, 1 one of them nought';
COMMENT ON COLUMN core.corridor.missing_mirror IS
'Of the two observed flows, whose report is missing: origin or destination; NULL where both are there, or none';
COMMENT ON COLUMN core.corridor.flow_reported_by_destination_modelled IS
'As flow_reported_by_destination, but modelled, estimated or imputed: no observed flow';
COMMENT ON COLUMN core.corridor.flow_reported_by_origin_modelled IS
'As flow_reported_by_origin, but modelled, estimated or imputed: no observed flow';
COMMENT ON COLUMN core.corridor.citizens_abroad IS 'Citizens of the origin in the destination, as the origin reports';
COMMENT ON COLUMN core.corridor.inflow_of_citizens IS
'Immigrants with the citizenship of the origin, wherever they lived before: no mirror of emigration';
COMMENT ON COLUMN core.corridor.outflow_of_citizens IS
'Emigrants from the destination with the citizenship of the origin, wherever they go';
COMMENT ON COLUMN core.corridor.inflow_of_natives IS 'Immigrants into the destination who were born in the origin';
COMMENT ON COLUMN core.corridor.returnees IS 'Citizens who came back from the destination, as the origin reports';
COMMENT ON COLUMN core.corridor.labour_permits IS 'Permits of the origin to work in the destination';
COMMENT ON COLUMN core.corridor.labour_departures IS 'Departures from the origin for work in the destination';
COMMENT ON COLUMN core.corridor.emigrants_registered IS
'Citizens of the origin who registered before they left for the destination';
COMMENT ON COLUMN core.corridor.first_residence_permits IS
'First residence permits of the destination to citizens of the origin';
COMMENT ON COLUMN core.corridor.remittances_reported_by_origin IS
'Remittances from persons in the destination, as the origin reports what it received: US dollars';
COMMENT ON COLUMN core.corridor.remittances_reported_by_destination IS
'Remittances from persons in the destination, as the destination reports what was paid: US dollars';
COMMENT ON COLUMN core.corridor.remittances_modelled IS
'Remittances from persons in the destination to the origin as a model shares them out: US dollars, observed by nobody';
COMMENT ON COLUMN core.corridor.remittances_back IS
'Remittances from the origin to the destination, as the destination reports what it received: US dollars';
COMMENT ON COLUMN core.corridor.remittances_back_modelled IS
'Remittances from the origin to the destination as a model shares them out: US dollars, observed by nobody';
COMMENT ON COLUMN core.corridor.remittance_cost IS
'Cost of sending 200 US dollars from the destination to the origin, per cent';
COMMENT ON COLUMN core.corridor.asylum_applications IS
'Asylum applications in the destination of persons from the origin, all stages together';
COMMENT ON COLUMN core.corridor.asylum_applications_new IS
'New applications to the government at first instance alone: a part, of another source';
COMMENT ON COLUMN core.corridor.refugees IS 'Refugees from the origin in the destination at the end of the year';
COMMENT ON COLUMN core.corridor.modelled_elsewhere IS
'Measures of which this corridor and year has a modelled figure that has no column here: see corridor_figures';
COMMENT ON COLUMN core.corridor.is_latest IS
'True in the latest year with a stock of migrants, or, where no year has one, with anything';

CREATE TABLE core.corridor_mirror (
    mirror text NOT NULL,
    origin text NOT NULL,
    destination text NOT NULL,
    year integer NOT NULL,
    by_origin double precision,
    origin_source text,
    origin_observation_id text,
    by_destination double precision,
    destination_source text,
    destination_observation_id text,
    asymmetry double precision,
    missing_mirror text,
    score double precision,
    rank integer,
    PRIMARY KEY (mirror, origin, destination, year)
);
CREATE INDEX corridor_mirror_rank ON core.corridor_mirror (rank);

COMMENT ON TABLE core.corridor_mirror IS 'What bi.corridor_mirrors shows, without names';
COMMENT ON COLUMN core.corridor_mirror.mirror IS
'migration: from the origin to the destination by residence, persons; remittances: from persons in the destination to the origin, US dollars';
COMMENT ON COLUMN core.corridor_mirror.origin IS 'Country that the persons come from, see dim_area';
COMMENT ON COLUMN core.corridor_mirror.destination IS 'Country where they go or live, see dim_area';
COMMENT ON COLUMN core.corridor_mirror.year IS 'Year';
COMMENT ON COLUMN core.corridor_mirror.by_origin IS 'The figure as the origin reports it; NULL where it does not';
COMMENT ON COLUMN core.corridor_mirror.origin_source IS 'Source of that figure, see dim_source';
COMMENT ON COLUMN core.corridor_mirror.origin_observation_id IS
'Id of that figure; `migstats trace <id>` leads to its cell';
COMMENT ON COLUMN core.corridor_mirror.by_destination IS
'The figure as the destination reports it; NULL where it does not';
COMMENT ON COLUMN core.corridor_mirror.destination_source IS 'Source of that figure, see dim_source';
COMMENT ON COLUMN core.corridor_mirror.destination_observation_id IS
'Id of that figure; `migstats trace <id>` leads to its cell';
COMMENT ON COLUMN core.corridor_mirror.asymmetry IS
'The difference as a part of the larger report: 0.9 is ten times as much; NULL where one is missing';
COMMENT ON COLUMN core.corridor_mirror.missing_mirror IS
'Whose report is missing: origin or destination; NULL where both are there';
COMMENT ON COLUMN core.corridor_mirror.score IS
'asymmetry times the logarithm of the larger report, so that what is far apart and large comes first';
COMMENT ON COLUMN core.corridor_mirror.rank IS
'Place by the score within the mirror, 1 is the largest; NULL where one is missing';

GRANT SELECT, INSERT, DELETE ON core.corridor, core.corridor_mirror TO migstats_etl;

CREATE TABLE bi.release_figures (
    source text NOT NULL,
    release text NOT NULL,
    figures integer NOT NULL,
    still_stand integer NOT NULL,
    revised_later integer NOT NULL,
    taken_back_later integer NOT NULL,
    PRIMARY KEY (source, release)
);

COMMENT ON TABLE bi.release_figures IS 'What became of the figures of each release: revisions, counted';
COMMENT ON COLUMN bi.release_figures.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.release_figures.release IS 'Edition of the publisher that brought the figures';
COMMENT ON COLUMN bi.release_figures.figures IS 'How many figures it brought';
COMMENT ON COLUMN bi.release_figures.still_stand IS 'How many of them are still the last word';
COMMENT ON COLUMN bi.release_figures.revised_later IS 'How many a later release changed';
COMMENT ON COLUMN bi.release_figures.taken_back_later IS 'How many a later release no longer has';
GRANT INSERT, DELETE ON bi.release_figures TO migstats_etl;

-- A warehouse that was filled before shows what it showed.
DO $$
BEGIN
    IF to_regclass('bi.corridors') IS NOT NULL THEN
        INSERT INTO core.corridor
        SELECT
            c.origin,
            c.destination,
            c.year,
            c.stock,
            c.stock_basis,
            c.stock_concept,
            c.stock_is_modelled,
            c.stock_source,
            c.stock_observation_id,
            c.stock_women,
            c.flow_reported_by_destination,
            c.flow_reported_by_destination_source,
            c.flow_reported_by_destination_observation_id,
            c.flow_reported_by_origin,
            c.flow_reported_by_origin_source,
            c.flow_reported_by_origin_observation_id,
            c.mirror_asymmetry,
            c.missing_mirror,
            c.flow_reported_by_destination_modelled,
            c.flow_reported_by_origin_modelled,
            c.citizens_abroad,
            c.inflow_of_citizens,
            c.outflow_of_citizens,
            c.inflow_of_natives,
            c.returnees,
            c.labour_permits,
            c.labour_departures,
            c.emigrants_registered,
            c.first_residence_permits,
            c.remittances_reported_by_origin,
            c.remittances_reported_by_destination,
            c.remittances_modelled,
            c.remittances_back,
            c.remittances_back_modelled,
            c.remittance_cost,
            c.asylum_applications,
            c.asylum_applications_new,
            c.refugees,
            c.modelled_elsewhere,
            c.year = coalesce(
                max(c.year) FILTER (WHERE c.stock IS NOT NULL) OVER (PARTITION BY c.origin, c.destination),
                max(c.year) OVER (PARTITION BY c.origin, c.destination)
            )
        FROM bi.corridors AS c;
        INSERT INTO core.corridor_mirror
        SELECT
            m.mirror,
            m.origin,
            m.destination,
            m.year,
            m.by_origin,
            m.origin_source,
            m.origin_observation_id,
            m.by_destination,
            m.destination_source,
            m.destination_observation_id,
            m.asymmetry,
            m.missing_mirror,
            m.score,
            m.rank
        FROM bi.corridor_mirrors AS m;
        INSERT INTO bi.release_figures
        SELECT
            r.source,
            r.release,
            count(*),
            count(*) FILTER (WHERE r.known_to IS NULL),
            count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'revised'),
            count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'deleted_at_source')
        FROM bi.revisions AS r
        GROUP BY r.source, r.release;
    END IF;
END
$$;

CREATE TABLE bi.annual_sum (
    indicator text NOT NULL,
    source text NOT NULL,
    ref_area text NOT NULL,
    unit text NOT NULL,
    year integer NOT NULL,
    value double precision NOT NULL,
    figures integer NOT NULL,
    PRIMARY KEY (indicator, ref_area, year, source, unit)
);

COMMENT ON TABLE bi.annual_sum IS
'SUM(value) of fact_observation, ready: one row per indicator, area, year, source and unit that has figures to add up';
COMMENT ON COLUMN bi.annual_sum.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.annual_sum.source IS 'Source, see dim_source';
COMMENT ON COLUMN bi.annual_sum.ref_area IS 'Area that the figures are about, see dim_area';
COMMENT ON COLUMN bi.annual_sum.unit IS 'Unit of value';
COMMENT ON COLUMN bi.annual_sum.year IS 'Year in which the period of the figures begins';
COMMENT ON COLUMN bi.annual_sum.value IS 'The sum: nothing is counted twice in it, nor in a sum of it over areas within a year';
COMMENT ON COLUMN bi.annual_sum.figures IS 'How many figures were added up';
GRANT INSERT, DELETE ON bi.annual_sum TO migstats_etl;

INSERT INTO bi.annual_sum (indicator, source, ref_area, unit, year, value, figures)
SELECT
    indicator,
    source,
    ref_area,
    unit,
    year,
    sum(value),
    count(*)
FROM bi.observation_all
WHERE preferred AND value IS NOT NULL
GROUP BY indicator, source, ref_area, unit, year;

CREATE TABLE bi.availability_total (
    source text NOT NULL,
    indicator text NOT NULL,
    ref_area text NOT NULL,
    figures integer NOT NULL,
    missing integer NOT NULL,
    suppressed integer NOT NULL,
    preferred integer NOT NULL,
    first_year integer,
    last_year integer,
    PRIMARY KEY (source, indicator, ref_area)
);

COMMENT ON TABLE bi.availability_total IS 'availability, of all years and breakdowns together: one row per source, indicator and area';
COMMENT ON COLUMN bi.availability_total.source IS 'Source, see dim_source; migstats: computed by us';
COMMENT ON COLUMN bi.availability_total.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.availability_total.ref_area IS 'Area that the figures are about, see dim_area';
COMMENT ON COLUMN bi.availability_total.figures IS 'Cells with a figure';
COMMENT ON COLUMN bi.availability_total.missing IS 'Cells without a figure, those that are suppressed not among them';
COMMENT ON COLUMN bi.availability_total.suppressed IS 'Cells whose figure is kept back';
COMMENT ON COLUMN bi.availability_total.preferred IS 'Cells with a figure that fact_observation shows';
COMMENT ON COLUMN bi.availability_total.first_year IS 'First year with a figure; NULL where there is none';
COMMENT ON COLUMN bi.availability_total.last_year IS 'Last year with a figure; NULL where there is none';
GRANT INSERT, DELETE ON bi.availability_total TO migstats_etl;

INSERT INTO bi.availability_total (
    source, indicator, ref_area, figures, missing, suppressed, preferred, first_year, last_year
)
SELECT
    source,
    indicator,
    ref_area,
    sum(figures),
    sum(missing),
    sum(suppressed),
    sum(preferred),
    min(year) FILTER (WHERE figures > 0),
    max(year) FILTER (WHERE figures > 0)
FROM bi.availability
GROUP BY source, indicator, ref_area;

-- Totals are what most charts ask for, and a small part of all figures; so is what counts in a sum.
CREATE INDEX fact_observation_total ON bi.observation_all (indicator, ref_area, year)
WHERE preferred AND counterpart_area = '_T' AND sex = '_T' AND age = '_T';
CREATE INDEX fact_observation_total_of_area ON bi.observation_all (ref_area, indicator, year)
WHERE preferred AND counterpart_area = '_T' AND sex = '_T' AND age = '_T';
CREATE INDEX fact_observation_partner ON bi.observation_all (indicator, year, ref_area)
WHERE preferred AND counterpart_area <> '_T' AND sex = '_T' AND age = '_T';
CREATE INDEX fact_observation_sum ON bi.observation_all (indicator, year) INCLUDE (ref_area, value)
WHERE preferred AND value IS NOT NULL;
