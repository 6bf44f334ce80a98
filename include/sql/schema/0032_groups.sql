-- Which countries a group of areas has, what a former state or a double territory is made of, and the age bands that
-- figures of different sources are brought to. Their rows come from include/codelists at every `migstats setup`.
CREATE TABLE ref.area_group (
    code text PRIMARY KEY,
    group_area text NOT NULL REFERENCES ref.area,
    member text NOT NULL REFERENCES ref.area,
    expected text NOT NULL CHECK (expected IN ('yes', 'no')),
    whole text NOT NULL CHECK (whole IN ('yes', 'no')),
    valid_from date,
    valid_to date,
    note text,
    UNIQUE (group_area, member),
    CONSTRAINT area_group_validity CHECK (valid_to > valid_from)
);

COMMENT ON TABLE ref.area_group IS 'Members of groups of areas';
COMMENT ON COLUMN ref.area_group.code IS 'group:member';
COMMENT ON COLUMN ref.area_group.group_area IS 'Group, see ref.area';
COMMENT ON COLUMN ref.area_group.member IS 'Country, territory or former state';
COMMENT ON COLUMN ref.area_group.expected IS 'no: counted where it has a figure, and not missed where it has none';
COMMENT ON COLUMN ref.area_group.whole IS 'no: parts of the former state lie in other groups, its figure cannot be added';
COMMENT ON COLUMN ref.area_group.valid_from IS 'First day of the membership, where the group is not fixed';
COMMENT ON COLUMN ref.area_group.valid_to IS 'Last day of the membership';
COMMENT ON COLUMN ref.area_group.note IS 'What a reader would get wrong';

CREATE TABLE ref.area_part (
    code text PRIMARY KEY,
    whole text NOT NULL REFERENCES ref.area,
    part text NOT NULL REFERENCES ref.area,
    UNIQUE (whole, part)
);

COMMENT ON TABLE ref.area_part IS 'Areas that are other areas together: former states and what they became, double territories';
COMMENT ON COLUMN ref.area_part.code IS 'whole:part';
COMMENT ON COLUMN ref.area_part.whole IS 'The area that the parts are together';
COMMENT ON COLUMN ref.area_part.part IS 'A part: all parts of it are the whole';

CREATE TABLE core.group_total (
    group_area text NOT NULL REFERENCES ref.area,
    indicator text NOT NULL REFERENCES ref.indicator,
    freq text NOT NULL,
    counterpart_basis text NOT NULL,
    sex text NOT NULL,
    age text NOT NULL,
    time_period text NOT NULL,
    year integer NOT NULL,
    unit text NOT NULL,
    value double precision,
    obs_status text NOT NULL,
    missing_reason text,
    known_value double precision,
    published_value double precision,
    members integer NOT NULL,
    members_missing integer NOT NULL,
    missing text,
    coverage double precision,
    comparability text,
    sources text NOT NULL,
    PRIMARY KEY (indicator, group_area, time_period, counterpart_basis, sex, age, freq),
    CONSTRAINT value_of_all_members CHECK (value IS NULL OR members_missing = 0)
);

COMMENT ON TABLE core.group_total IS 'Sums of countries to groups, made by publish; readers see bi.area_group_total';
COMMENT ON COLUMN core.group_total.missing IS 'Members without a figure';
GRANT SELECT, INSERT, DELETE ON core.group_total TO migstats_etl;

CREATE TABLE ref.age_scheme (
    code text PRIMARY KEY,
    scheme text NOT NULL,
    age text NOT NULL REFERENCES ref.age,
    note text,
    UNIQUE (scheme, age)
);

COMMENT ON TABLE ref.age_scheme IS 'Standard age bands: the bands of a scheme do not overlap';
COMMENT ON COLUMN ref.age_scheme.code IS 'scheme:band';
COMMENT ON COLUMN ref.age_scheme.scheme IS 'Name of the scheme: broad, child, five_year, working_age';
COMMENT ON COLUMN ref.age_scheme.age IS 'A band of it, see ref.age';
COMMENT ON COLUMN ref.age_scheme.note IS 'Whose bands these are';
