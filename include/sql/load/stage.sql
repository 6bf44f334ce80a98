-- Tables of this transaction alone. `drawn` holds the number of the vintage that is being written.
CREATE TEMPORARY TABLE stage_facts (
    series_id bigint, time_id integer, value double precision, obs_status text, attribute_id bigint, place_id integer,
    place_row integer, raw text, known_from timestamptz, known_to timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE stage_ended (
    series_id bigint, time_id integer, reason text, at timestamptz, until timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE stage_series (
    series_id bigint, source text, indicator text, freq text, ref_area text, subdivision text, counterpart_area text,
    counterpart_basis text, sex text, age text, migration_status text, education text, labour_status text,
    occupation text, activity text, reason text, urbanisation text, disability text, breakdown text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE stage_attributes (
    attribute_id bigint, dataset text, conf_status text, unit text, unit_mult text, missing_reason text, nature text,
    concept_basis text, coverage text, residence_criterion text, reference_point text, note text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE drawn (vintage_id integer) ON COMMIT DROP;
