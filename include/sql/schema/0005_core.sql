-- Facts with their history. series and observation are partitioned by source: a first load fills a table that stands
-- alone and is then attached, so that keys are checked in bulk.
CREATE TABLE core.series (
    source text NOT NULL REFERENCES ref.source,
    series_id bigint NOT NULL,
    indicator text NOT NULL REFERENCES ref.indicator,
    freq text NOT NULL REFERENCES ref.freq,
    ref_area text NOT NULL REFERENCES ref.area,
    subdivision text NOT NULL REFERENCES ref.subdivision,
    counterpart_area text NOT NULL REFERENCES ref.area,
    counterpart_basis text NOT NULL REFERENCES ref.counterpart_basis,
    sex text NOT NULL REFERENCES ref.sex,
    age text NOT NULL REFERENCES ref.age,
    migration_status text NOT NULL REFERENCES ref.migration_status,
    education text NOT NULL REFERENCES ref.education,
    labour_status text NOT NULL REFERENCES ref.labour_status,
    occupation text NOT NULL REFERENCES ref.occupation,
    activity text NOT NULL REFERENCES ref.activity,
    reason text NOT NULL REFERENCES ref.reason,
    urbanisation text NOT NULL REFERENCES ref.urbanisation,
    disability text NOT NULL REFERENCES ref.disability,
    breakdown text NOT NULL REFERENCES ref.breakdown,
    PRIMARY KEY (source, series_id)
) PARTITION BY LIST (source);

COMMENT ON TABLE core.series IS 'One row per combination of dimensions without time';
COMMENT ON COLUMN core.series.series_id IS 'First 8 bytes of the BLAKE2b hash of the dimensions: the same everywhere';

CREATE TABLE core.attributes (
    attribute_id bigint PRIMARY KEY,
    dataset text NOT NULL,
    conf_status text NOT NULL REFERENCES ref.conf_status,
    unit text NOT NULL REFERENCES ref.unit,
    unit_mult integer NOT NULL,
    missing_reason text REFERENCES ref.missing_reason,
    nature text REFERENCES ref.nature,
    concept_basis text REFERENCES ref.concept_basis,
    coverage text,
    residence_criterion text REFERENCES ref.residence_criterion,
    reference_point text NOT NULL,
    note text
);

COMMENT ON TABLE core.attributes IS 'One row per combination of attributes that observations share';
COMMENT ON COLUMN core.attributes.unit_mult IS 'value = figure as published times ten to this power';

CREATE TABLE core.place (
    place_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    snapshot_id integer NOT NULL REFERENCES raw.snapshot,
    template text NOT NULL,
    UNIQUE (snapshot_id, template)
);

COMMENT ON COLUMN core.place.template IS 'Place in the snapshot with {} for the row: Table 1!F{}, /1/{}/value';

CREATE TABLE core.observation (
    source text NOT NULL,
    series_id bigint NOT NULL,
    time_id integer NOT NULL REFERENCES ref.period,
    value double precision,
    obs_status text NOT NULL,
    attribute_id bigint NOT NULL REFERENCES core.attributes,
    place_id integer NOT NULL REFERENCES core.place,
    place_row integer NOT NULL,
    raw text,
    vintage_from integer NOT NULL REFERENCES ops.vintage,
    vintage_to integer REFERENCES ops.vintage,
    end_reason text,
    FOREIGN KEY (source, series_id) REFERENCES core.series,
    CONSTRAINT one_current_row UNIQUE NULLS NOT DISTINCT (series_id, time_id, vintage_to, source),
    CONSTRAINT obs_status_known CHECK (
        obs_status IN (
            'A', 'B', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'S', 'T', 'U', 'V', 'W', 'X'
        )
    ),
    CONSTRAINT value_and_status CHECK ((value IS NULL) = (obs_status IN ('H', 'L', 'M', 'N', 'O', 'Q'))),
    CONSTRAINT value_is_finite CHECK (value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT ended_for_a_reason CHECK ((vintage_to IS NULL) = (end_reason IS NULL)),
    CONSTRAINT end_reason_known CHECK (end_reason IN ('revised', 'deleted_at_source'))
) PARTITION BY LIST (source);

COMMENT ON TABLE core.observation IS 'One row per figure and the range of vintages in which it was the figure';
COMMENT ON COLUMN core.observation.raw IS 'Text at the place where it is not the shortest text of value; else NULL';
COMMENT ON COLUMN core.observation.vintage_to IS 'The vintage that ended it, by the order of releases; NULL while it stands';
