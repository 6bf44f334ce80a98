CREATE OR REPLACE VIEW bi.corridors AS
-- A row of bi.corridor_figures for each measure becomes a column. What is modelled never stands in a column of what is
-- observed; of stocks, which are mostly estimates, the observed one is taken before the modelled one, with its flag.
WITH corridors AS (
    SELECT
        f.origin,
        max(a.name_en) AS origin_name,
        bool_or(coalesce(a.programme, '') = 'yes') AS origin_is_programme,
        f.destination,
        max(b.name_en) AS destination_name,
        bool_or(coalesce(b.programme, '') = 'yes') AS destination_is_programme,
        f.year,
        max(f.value) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock,
        max(f.counterpart_basis) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock_basis,
        max(f.concept_basis) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock_concept,
        bool_or(f.is_modelled) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock_is_modelled,
        max(f.source) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock_source,
        max(f.observation_id) FILTER (WHERE f.measure = 'stock' AND f.is_first) AS stock_observation_id,
        max(f.value) FILTER (
            WHERE f.measure = 'flow_reported_by_destination' AND NOT f.is_modelled
        ) AS flow_reported_by_destination,
        max(f.source) FILTER (
            WHERE f.measure = 'flow_reported_by_destination' AND NOT f.is_modelled
        ) AS flow_reported_by_destination_source,
        max(f.observation_id) FILTER (
            WHERE f.measure = 'flow_reported_by_destination' AND NOT f.is_modelled
        ) AS flow_reported_by_destination_observation_id,
        max(f.value) FILTER (
            WHERE f.measure = 'flow_reported_by_origin' AND NOT f.is_modelled
        ) AS flow_reported_by_origin,
        max(f.source) FILTER (
            WHERE f.measure = 'flow_reported_by_origin' AND NOT f.is_modelled
        ) AS flow_reported_by_origin_source,
        max(f.observation_id) FILTER (
            WHERE f.measure = 'flow_reported_by_origin' AND NOT f.is_modelled
        ) AS flow_reported_by_origin_observation_id,
        max(f.value) FILTER (
            WHERE f.measure = 'flow_reported_by_destination' AND f.is_modelled
        ) AS flow_reported_by_destination_modelled,
        max(f.value) FILTER (
            WHERE f.measure = 'flow_reported_by_origin' AND f.is_modelled
        ) AS flow_reported_by_origin_modelled,
        max(f.value) FILTER (WHERE f.measure = 'citizens_abroad' AND NOT f.is_modelled) AS citizens_abroad,
        max(f.value) FILTER (WHERE f.measure = 'inflow_of_citizens' AND NOT f.is_modelled) AS inflow_of_citizens,
        max(f.value) FILTER (WHERE f.measure = 'outflow_of_citizens' AND NOT f.is_modelled) AS outflow_of_citizens,
        max(f.value) FILTER (WHERE f.measure = 'inflow_of_natives' AND NOT f.is_modelled) AS inflow_of_natives,
        max(f.value) FILTER (WHERE f.measure = 'returnees' AND NOT f.is_modelled) AS returnees,
        max(f.value) FILTER (WHERE f.measure = 'labour_permits' AND NOT f.is_modelled) AS labour_permits,
        max(f.value) FILTER (WHERE f.measure = 'labour_departures' AND NOT f.is_modelled) AS labour_departures,
        max(f.value) FILTER (WHERE f.measure = 'emigrants_registered' AND NOT f.is_modelled) AS emigrants_registered,
        max(f.value) FILTER (
            WHERE f.measure = 'first_residence_permits' AND NOT f.is_modelled
        ) AS first_residence_permits,
        max(f.value) FILTER (
            WHERE f.measure = 'remittances_reported_by_origin' AND NOT f.is_modelled
        ) AS remittances_reported_by_origin,
        max(f.value) FILTER (
            WHERE f.measure = 'remittances_reported_by_destination' AND NOT f.is_modelled
        ) AS remittances_reported_by_destination,
        max(f.value) FILTER (WHERE f.measure = 'remittances' AND f.is_modelled) AS remittances_modelled,
        max(f.value) FILTER (WHERE f.measure = 'remittances_back' AND NOT f.is_modelled) AS remittances_back,
        max(f.value) FILTER (WHERE f.measure = 'remittances_back' AND f.is_modelled) AS remittances_back_modelled,
        max(f.value) FILTER (WHERE f.measure = 'remittance_cost' AND NOT f.is_modelled) AS remittance_cost,
        max(f.value) FILTER (WHERE f.measure = 'asylum_applications' AND NOT f.is_modelled) AS asylum_applications,
        max(f.value) FILTER (
            WHERE f.measure = 'asylum_applications_new' AND NOT f.is_modelled
        ) AS asylum_applications_new,
        max(f.value) FILTER (WHERE f.measure = 'refugees' AND NOT f.is_modelled) AS refugees,
        max(f.source || ' ' || f.indicator || ' ' || f.counterpart_basis || ' ' || f.time_period) FILTER (
            WHERE f.measure = 'stock_women' AND f.is_first
        ) AS women_of,
        max(f.source || ' ' || f.indicator || ' ' || f.counterpart_basis || ' ' || f.time_period) FILTER (
            WHERE f.measure = 'stock' AND f.is_first
        ) AS stock_of,
        max(f.value) FILTER (WHERE f.measure = 'stock_women' AND f.is_first) AS women,
        string_agg(f.measure, ', ' ORDER BY f.measure) FILTER (
            WHERE
            f.is_modelled AND f.value IS NOT NULL
            AND f.measure NOT IN (
                'stock', 'stock_women', 'flow_reported_by_destination', 'flow_reported_by_origin', 'remittances',
                'remittances_back'
            )
        ) AS modelled_elsewhere
    FROM bi.corridor_figures AS f
    INNER JOIN ref.area AS a ON f.origin = a.code
    INNER JOIN ref.area AS b ON f.destination = b.code
    WHERE f.kind = 'corridor' AND f.is_shown
    GROUP BY f.origin, f.destination, f.year
)

SELECT
    origin,
    origin_name,
    origin_is_programme,
    destination,
    destination_name,
    destination_is_programme,
    year,
    stock,
    stock_basis,
    stock_concept,
    stock_is_modelled,
    stock_source,
    stock_observation_id,
    CASE WHEN women_of = stock_of THEN women END AS stock_women,
    flow_reported_by_destination,
    flow_reported_by_destination_source,
    flow_reported_by_destination_observation_id,
    flow_reported_by_origin,
    flow_reported_by_origin_source,
    flow_reported_by_origin_observation_id,
    CASE
        WHEN flow_reported_by_destination = flow_reported_by_origin THEN 0
        ELSE
            abs(flow_reported_by_destination - flow_reported_by_origin)
            / greatest(flow_reported_by_destination, flow_reported_by_origin)
    END AS mirror_asymmetry,
    CASE
        WHEN flow_reported_by_origin IS NULL AND flow_reported_by_destination IS NOT NULL THEN 'origin'
        WHEN flow_reported_by_destination IS NULL AND flow_reported_by_origin IS NOT NULL THEN 'destination'
    END AS missing_mirror,
    flow_reported_by_destination_modelled,
    flow_reported_by_origin_modelled,
    citizens_abroad,
    inflow_of_citizens,
    outflow_of_citizens,
    inflow_of_natives,
    returnees,
    labour_permits,
    labour_departures,
    emigrants_registered,
    first_residence_permits,
    remittances_reported_by_origin,
    remittances_reported_by_destination,
    remittances_modelled,
    remittances_back,
    remittances_back_modelled,
    remittance_cost,
    asylum_applications,
    asylum_applications_new,
    refugees,
    modelled_elsewhere
FROM corridors;

COMMENT ON VIEW bi.corridors IS
'Persons and money between two countries in a year, side by side: stock, flows as each side reports them, permits, remittances and their cost, asylum. NULL where nobody has a figure';
COMMENT ON COLUMN bi.corridors.origin IS 'Country or territory that the persons come from, see dim_area';
COMMENT ON COLUMN bi.corridors.origin_name IS 'Name of the origin in English';
COMMENT ON COLUMN bi.corridors.origin_is_programme IS 'True for the countries of the IOM-UNDP Global Programme';
COMMENT ON COLUMN bi.corridors.destination IS 'Country or territory where they live or go, see dim_area';
COMMENT ON COLUMN bi.corridors.destination_name IS 'Name of the destination in English';
COMMENT ON COLUMN bi.corridors.destination_is_programme IS 'True for the countries of the IOM-UNDP Global Programme';
COMMENT ON COLUMN bi.corridors.year IS 'Year in which the period of the figures begins';
COMMENT ON COLUMN bi.corridors.stock IS 'Migrants from the origin who live in the destination, persons';
COMMENT ON COLUMN bi.corridors.stock_basis IS
'How they are joined to the origin: origin (birth, or citizenship where that is not known), birth, citizenship';
COMMENT ON COLUMN bi.corridors.stock_concept IS 'Who counts as a migrant: birth, citizenship, refugees added, imputed';
COMMENT ON COLUMN bi.corridors.stock_is_modelled IS 'True where the stock is modelled, estimated or imputed';
COMMENT ON COLUMN bi.corridors.stock_source IS 'Source of the stock, see dim_source';
COMMENT ON COLUMN bi.corridors.stock_observation_id IS 'Id of the figure of the stock';
COMMENT ON COLUMN bi.corridors.stock_women IS
'Women and girls among the stock, of the same source; NULL where it does not tell them apart';
COMMENT ON COLUMN bi.corridors.flow_reported_by_destination IS
'Immigrants from the origin by last residence, as the destination reports: observed, persons in the year';
COMMENT ON COLUMN bi.corridors.flow_reported_by_destination_source IS 'Source of that figure';
COMMENT ON COLUMN bi.corridors.flow_reported_by_destination_observation_id IS 'Id of that figure';
COMMENT ON COLUMN bi.corridors.flow_reported_by_origin IS
'Emigrants to the destination by next residence, as the origin reports: observed, persons in the year';
COMMENT ON COLUMN bi.corridors.flow_reported_by_origin_source IS 'Source of that figure';
COMMENT ON COLUMN bi.corridors.flow_reported_by_origin_observation_id IS 'Id of that figure';
COMMENT ON COLUMN bi.corridors.mirror_asymmetry IS
'How far the two observed flows are apart, as a part of the larger: 0 the same, 1 one of them nought';
COMMENT ON COLUMN bi.corridors.missing_mirror IS
'Of the two observed flows, whose report is missing: origin or destination; NULL where both are there, or none';
COMMENT ON COLUMN bi.corridors.flow_reported_by_destination_modelled IS
'As flow_reported_by_destination, but modelled, estimated or imputed: no observed flow';
COMMENT ON COLUMN bi.corridors.flow_reported_by_origin_modelled IS
'As flow_reported_by_origin, but modelled, estimated or imputed: no observed flow';
COMMENT ON COLUMN bi.corridors.citizens_abroad IS 'Citizens of the origin in the destination, as the origin reports';
COMMENT ON COLUMN bi.corridors.inflow_of_citizens IS
'Immigrants with the citizenship of the origin, wherever they lived before: no mirror of emigration';
COMMENT ON COLUMN bi.corridors.outflow_of_citizens IS
'Emigrants from the destination with the citizenship of the origin, wherever they go';
COMMENT ON COLUMN bi.corridors.inflow_of_natives IS 'Immigrants into the destination who were born in the origin';
COMMENT ON COLUMN bi.corridors.returnees IS 'Citizens who came back from the destination, as the origin reports';
COMMENT ON COLUMN bi.corridors.labour_permits IS 'Permits of the origin to work in the destination';
COMMENT ON COLUMN bi.corridors.labour_departures IS 'Departures from the origin for work in the destination';
COMMENT ON COLUMN bi.corridors.emigrants_registered IS
'Citizens of the origin who registered before they left for the destination';
COMMENT ON COLUMN bi.corridors.first_residence_permits IS
'First residence permits of the destination to citizens of the origin';
COMMENT ON COLUMN bi.corridors.remittances_reported_by_origin IS
'Remittances from persons in the destination, as the origin reports what it received: US dollars';
COMMENT ON COLUMN bi.corridors.remittances_reported_by_destination IS
'Remittances from persons in the destination, as the destination reports what was paid: US dollars';
COMMENT ON COLUMN bi.corridors.remittances_modelled IS
'Remittances from persons in the destination to the origin as a model shares them out: US dollars, observed by nobody';
COMMENT ON COLUMN bi.corridors.remittances_back IS
'Remittances from the origin to the destination, as the destination reports what it received: US dollars';
COMMENT ON COLUMN bi.corridors.remittances_back_modelled IS
'Remittances from the origin to the destination as a model shares them out: US dollars, observed by nobody';
COMMENT ON COLUMN bi.corridors.remittance_cost IS
'Cost of sending 200 US dollars from the destination to the origin, per cent';
COMMENT ON COLUMN bi.corridors.asylum_applications IS
'Asylum applications in the destination of persons from the origin, all stages together';
COMMENT ON COLUMN bi.corridors.asylum_applications_new IS
'New applications to the government at first instance alone: a part, of another source';
COMMENT ON COLUMN bi.corridors.refugees IS 'Refugees from the origin in the destination at the end of the year';
COMMENT ON COLUMN bi.corridors.modelled_elsewhere IS
'Measures of which this corridor and year has a modelled figure that has no column here: see corridor_figures';
