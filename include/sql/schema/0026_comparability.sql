-- What SUM(value) of an indicator in a year adds up: figures of one concept of who is a migrant, or of several.
CREATE TABLE core.comparability (
    indicator text NOT NULL REFERENCES ref.indicator,
    year integer NOT NULL,
    comparability text NOT NULL,
    PRIMARY KEY (indicator, year)
);
COMMENT ON TABLE core.comparability IS
'The concept basis of the figures of bi that count, by indicator and year: birth, citizenship ..., or mixed where there are several';
GRANT SELECT, INSERT, DELETE ON core.comparability TO migstats_etl;
