-- A row of bi.corridor_figures for each measure becomes a column. What is modelled never stands in a column of what is
-- observed; of stocks, which are mostly estimates, the observed one is taken before the modelled one, with its flag.
INSERT INTO core.corridor
WITH corridors AS (
    SELECT
        f.origin,
        f.destination,
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
    WHERE
        f.kind = 'corridor'
        AND f.is_shown
        AND EXISTS (
            SELECT FROM ref.corridor_measure AS m INNER JOIN pg_temp.touched AS t ON m.indicator = t.indicator
        )
    GROUP BY f.origin, f.destination, f.year
)

SELECT
    origin,
    destination,
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
    modelled_elsewhere,
    year = coalesce(
        max(year) FILTER (WHERE stock IS NOT NULL) OVER (PARTITION BY origin, destination),
        max(year) FILTER (
            WHERE num_nonnulls(
                flow_reported_by_destination, flow_reported_by_origin, flow_reported_by_destination_modelled,
                flow_reported_by_origin_modelled, citizens_abroad, inflow_of_citizens, outflow_of_citizens,
                inflow_of_natives, returnees, labour_permits, labour_departures, emigrants_registered,
                first_residence_permits, remittances_reported_by_origin, remittances_reported_by_destination,
                remittances_modelled, remittances_back, remittances_back_modelled, remittance_cost, asylum_applications,
                asylum_applications_new, refugees
            ) > 0
        ) OVER (PARTITION BY origin, destination),
        max(year) OVER (PARTITION BY origin, destination)
    ) AS is_latest
FROM corridors
