-- What there is: figures by source, indicator, area, year and what they are broken down by. Written by publish.
CREATE TABLE bi.availability (
    source text NOT NULL,
    indicator text NOT NULL,
    ref_area text NOT NULL,
    year integer NOT NULL,
    breakdowns text NOT NULL,
    depth integer NOT NULL,
    figures integer NOT NULL,
    missing integer NOT NULL,
    suppressed integer NOT NULL,
    preferred integer NOT NULL,
    PRIMARY KEY (indicator, ref_area, year, source, breakdowns)
);
CREATE INDEX availability_area ON bi.availability (ref_area, indicator);

COMMENT ON TABLE bi.availability IS
'What there is: one row per source, indicator, area, year and set of dimensions that figures are broken down by';
COMMENT ON COLUMN bi.availability.source IS 'Source, see dim_source; migstats: computed by us';
COMMENT ON COLUMN bi.availability.indicator IS 'What is measured, see dim_indicator';
COMMENT ON COLUMN bi.availability.ref_area IS 'Area that the figures are about, see dim_area';
COMMENT ON COLUMN bi.availability.year IS 'Year in which their period begins';
COMMENT ON COLUMN bi.availability.breakdowns IS
'Dimensions that are broken down at once, by name with a space between: sex age; none: totals alone';
COMMENT ON COLUMN bi.availability.depth IS 'How many dimensions these are; 0: totals';
COMMENT ON COLUMN bi.availability.figures IS 'Cells with a figure';
COMMENT ON COLUMN bi.availability.missing IS 'Cells without a figure, those that are suppressed not among them';
COMMENT ON COLUMN bi.availability.suppressed IS 'Cells whose figure is kept back';
COMMENT ON COLUMN bi.availability.preferred IS 'Cells with a figure that fact_observation shows';
GRANT INSERT, DELETE ON bi.availability TO migstats_etl;
