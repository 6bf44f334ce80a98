CREATE OR REPLACE VIEW bi.corridors AS
SELECT
    c.origin,
    a.name_en AS origin_name,
    coalesce(a.programme, '') = 'yes' AS origin_is_programme,
    c.destination,
    b.name_en AS destination_name,
    coalesce(b.programme, '') = 'yes' AS destination_is_programme,
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
    c.is_latest
FROM core.corridor AS c
INNER JOIN ref.area AS a ON c.origin = a.code
INNER JOIN ref.area AS b ON c.destination = b.code;

COMMENT ON VIEW bi.corridors IS
'Persons and money between two countries in a year, side by side: stock, flows as each side reports them, permits, remittances and their cost, asylum. NULL where nobody has a figure';
SELECT ref.comment_as('bi.corridors', 'core.corridor');
COMMENT ON COLUMN bi.corridors.origin_name IS 'Name of the origin in English';
COMMENT ON COLUMN bi.corridors.origin_is_programme IS 'True for the countries of the IOM-UNDP Global Programme';
COMMENT ON COLUMN bi.corridors.destination_name IS 'Name of the destination in English';
COMMENT ON COLUMN bi.corridors.destination_is_programme IS 'True for the countries of the IOM-UNDP Global Programme';
