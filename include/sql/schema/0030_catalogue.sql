-- The indicator catalogue: what each indicator is about, by which standard, what it has to be broken down by, how it may
-- be added up, its definition in all languages; and the formulas by which indicators are derived from others.
CREATE TABLE ref.sector (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);
COMMENT ON TABLE ref.sector IS 'Policy sectors of indicators';

CREATE TABLE ref.indicator_catalogue (
    code text PRIMARY KEY REFERENCES ref.indicator,
    sdg_target text NOT NULL,
    gcm_objective text NOT NULL,
    sector text NOT NULL REFERENCES ref.sector,
    concept text NOT NULL,
    reference_point text,
    concept_basis text REFERENCES ref.concept_basis,
    required_breakdowns text NOT NULL,
    aggregation_area text NOT NULL,
    aggregation_counterpart text NOT NULL,
    aggregation_time text NOT NULL,
    aggregation_breakdown text NOT NULL,
    also_topic text,
    CONSTRAINT indicator_aggregation CHECK (
        aggregation_area ~ '^(sum|none|mean:[A-Z_]+)$'
        AND aggregation_counterpart ~ '^(sum|none|mean:[A-Z_]+)$'
        AND aggregation_time ~ '^(sum|none|mean:[A-Z_]+)$'
        AND aggregation_breakdown ~ '^(sum|none|mean:[A-Z_]+)$'
    )
);
COMMENT ON COLUMN ref.indicator_catalogue.also_topic IS 'A narrower topic view that shows it too';
COMMENT ON TABLE ref.indicator_catalogue IS
'Tags, standards, required breakdowns and allowed aggregation of indicators; several values of a cell are separated by |';

CREATE TABLE ref.indicator_definition (
    code text PRIMARY KEY REFERENCES ref.indicator,
    definition_fr text,
    definition_es text,
    definition_ar text,
    definition_ru text
);
COMMENT ON TABLE ref.indicator_definition IS 'Definitions of indicators in other languages; the English one is that of ref.indicator';

CREATE TABLE ref.derived_indicator (
    code text PRIMARY KEY,
    indicator text NOT NULL REFERENCES ref.indicator,
    kind text NOT NULL CHECK (kind IN ('ratio', 'difference', 'growth')),
    multiplier double precision NOT NULL CHECK (multiplier > 0),
    input text NOT NULL REFERENCES ref.indicator,
    input_where text,
    other text NOT NULL REFERENCES ref.indicator,
    other_where text,
    carry text,
    period text NOT NULL CHECK (period IN ('same_day', 'mid_year', 'same_period', 'previous')),
    basis text NOT NULL CHECK (basis IN ('same', 'input')),
    reason text NOT NULL,
    CONSTRAINT derived_indicator_growth CHECK ((kind = 'growth') = (period = 'previous'))
);
COMMENT ON TABLE ref.derived_indicator IS
'Formulas of indicators that are derived from others: input over other, input less other, or its growth since other';
COMMENT ON COLUMN ref.derived_indicator.input_where IS 'Members of dimensions that the input has to have, dimension=code, separated by |';
COMMENT ON COLUMN ref.derived_indicator.carry IS 'Dimensions by which it is derived too; in all others both inputs are totals';
COMMENT ON COLUMN ref.derived_indicator.period IS
'Which dates go together: stocks of the same day; the other is of 1 July of the year; the same period; the stock before';
COMMENT ON COLUMN ref.derived_indicator.basis IS
'same: both inputs have one concept basis, or nothing is computed; input: that of the other does not matter';

-- The member of a dimension that an input of a formula has to have: the one that is asked for, else NULL where the
-- dimension is carried (any member), else the total.
CREATE FUNCTION ref.asked(conditions text, carry text, dimension text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(
    substring('|' || conditions || '|' FROM '\|' || dimension || '=([^|]*)\|'),
    CASE WHEN strpos('|' || carry || '|', '|' || dimension || '|') > 0 THEN NULL ELSE '_T' END
)
$$;
COMMENT ON FUNCTION ref.asked IS 'The member of a dimension that an input of a derived indicator has to have; NULL: any';

GRANT SELECT ON ref.sector, ref.indicator_catalogue, ref.indicator_definition, ref.derived_indicator TO migstats_etl;
REVOKE ALL ON FUNCTION ref.asked(text, text, text) FROM public;
GRANT EXECUTE ON FUNCTION ref.asked(text, text, text) TO migstats_etl;
