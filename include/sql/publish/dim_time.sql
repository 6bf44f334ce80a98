CREATE OR REPLACE VIEW bi.dim_time AS
SELECT
    time_period,
    freq,
    period_start,
    period_end,
    extract(YEAR FROM period_start)::integer AS year
FROM ref.period;

COMMENT ON VIEW bi.dim_time IS 'Periods';
COMMENT ON COLUMN bi.dim_time.time_period IS 'SDMX period: 2024, 2024-S1, 2024-Q1, 2024-01';
COMMENT ON COLUMN bi.dim_time.freq IS 'A year, S half-year, Q quarter, M month';
COMMENT ON COLUMN bi.dim_time.period_start IS 'First day';
COMMENT ON COLUMN bi.dim_time.period_end IS 'Last day';
COMMENT ON COLUMN bi.dim_time.year IS 'Year of the first day';
