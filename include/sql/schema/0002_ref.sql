-- Codelists. Their rows come from include/codelists/*.csv at every `migstats setup`; the CSV is the authority.

CREATE TABLE ref.sex (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.freq (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.conf_status (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.missing_reason (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.nature (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.concept_basis (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.counterpart_basis (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.residence_criterion (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.subdivision (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.migration_status (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.education (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.labour_status (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.occupation (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.activity (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.reason (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.urbanisation (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.disability (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.breakdown (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.unit (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.obs_status (
    code text PRIMARY KEY,
    has_value text NOT NULL CHECK (has_value IN ('yes', 'no', 'either')),
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text
);

CREATE TABLE ref.age (
    code text PRIMARY KEY,
    min_age integer CHECK (min_age >= 0),
    max_age integer,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text,
    CONSTRAINT age_band CHECK (max_age >= min_age)
);

CREATE TABLE ref.area (
    code text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('country', 'territory', 'historical', 'group', 'residual', 'total')),
    m49 text,
    iso2 text,
    iso3 text,
    unhcr text,
    worldbank text,
    eurostat text,
    undesa text,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text,
    programme text,
    valid_from date,
    valid_to date,
    note text,
    CONSTRAINT area_validity CHECK (valid_to > valid_from)
);

CREATE TABLE ref.indicator (
    code text PRIMARY KEY,
    name_en text NOT NULL,
    name_fr text,
    name_es text,
    name_ar text,
    name_ru text,
    definition text NOT NULL,
    unit text NOT NULL REFERENCES ref.unit,
    stock_or_flow text NOT NULL CHECK (stock_or_flow IN ('stock', 'flow')),
    min_value double precision,
    max_value double precision,
    sdg_series text NOT NULL,
    sdg_indicator text,
    owner text NOT NULL,
    topic text NOT NULL,
    note text,
    CONSTRAINT indicator_bounds CHECK (max_value >= min_value)
);

CREATE TABLE ref.source_preference (
    code text PRIMARY KEY REFERENCES ref.indicator,
    sources text NOT NULL,
    reason text NOT NULL
);

COMMENT ON TABLE ref.source_preference IS 'Which source counts where several publish the same indicator, best first';

CREATE TABLE ref.source (
    code text PRIMARY KEY,
    title text NOT NULL,
    publisher text NOT NULL,
    homepage text NOT NULL,
    licence text NOT NULL,
    licence_url text NOT NULL,
    redistribution text NOT NULL CHECK (redistribution IN ('allowed', 'forbidden', 'unclear')),
    citation text NOT NULL,
    owner text NOT NULL
);

-- time_id = year * 1000 + 0 (year), 101..102 (half-years), 201..204 (quarters), 301..312 (months)
CREATE TABLE ref.period (
    time_id integer PRIMARY KEY,
    time_period text NOT NULL UNIQUE,
    freq text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL CHECK (period_end >= period_start)
);

INSERT INTO ref.period (time_id, time_period, freq, period_start, period_end)
SELECT
    years.year * 1000 + parts.base + parts.part AS time_id,
    years.year::text || parts.label AS time_period,
    parts.freq,
    make_date(years.year, (greatest(parts.part, 1) - 1) * parts.months + 1, 1) AS period_start,
    (
        make_date(years.year, (greatest(parts.part, 1) - 1) * parts.months + 1, 1)
        + make_interval(months => parts.months) - interval '1 day'
    )::date AS period_end
FROM generate_series(1800, 2200) AS years (year)
CROSS JOIN (
    SELECT
        0 AS base,
        0 AS part,
        '' AS label,
        'A' AS freq,
        12 AS months
    UNION ALL
    SELECT
        100,
        n,
        '-S' || n,
        'S',
        6
    FROM generate_series(1, 2) AS n
    UNION ALL
    SELECT
        200,
        n,
        '-Q' || n,
        'Q',
        3
    FROM generate_series(1, 4) AS n
    UNION ALL
    SELECT
        300,
        n,
        '-' || lpad(n::text, 2, '0'),
        'M',
        1
    FROM generate_series(1, 12) AS n
) AS parts;

-- Bring a codelist to the state of its CSV (rows as JSON objects of text; empty cells are NULL). Codes that left the
-- CSV stay, since facts may refer to them. Answers how many rows changed.
CREATE FUNCTION ref.load_codelist(codelist text, records jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    columns text;
    updates text;
    differs text;
    changed bigint;
BEGIN
    SELECT
        string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position),
        string_agg(format('%1$I = excluded.%1$I', column_name), ', ' ORDER BY ordinal_position),
        string_agg(format('t.%1$I IS DISTINCT FROM excluded.%1$I', column_name), ' OR ' ORDER BY ordinal_position)
    INTO STRICT columns, updates, differs
    FROM information_schema.columns
    WHERE table_schema = 'ref' AND table_name = codelist;
    EXECUTE format(
        'INSERT INTO ref.%1$I AS t (%2$s) SELECT %2$s FROM jsonb_populate_recordset(NULL::ref.%1$I, $1)
         ON CONFLICT (code) DO UPDATE SET %3$s WHERE %4$s',
        codelist, columns, updates, differs
    ) USING records;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
