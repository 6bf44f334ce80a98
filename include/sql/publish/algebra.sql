-- Sums that know what they miss. Zero, missing, suppressed, not applicable and "did not exist" are five things:
-- SELECT ref_area, bi.total(published_value, obs_status, missing_reason),
--     bi.total_status(published_value, obs_status, missing_reason), bi.coverage(published_value, obs_status, missing_reason)
-- FROM bi.fact_observation WHERE ... GROUP BY ref_area
-- The ranks are those of include/algebra.csv, and a test compares: what is no part of a sum is below 10, a part without a
-- figure is 30 and above, and the highest rank of the parts is what the sum says.
CREATE OR REPLACE FUNCTION bi.status_rank(value double precision, obs_status text, missing_reason text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN obs_status = 'M' THEN CASE WHEN missing_reason = 'did_not_exist' THEN 1 ELSE 2 END
    WHEN value IS NULL THEN CASE obs_status WHEN 'Q' THEN 30 WHEN 'L' THEN 31 ELSE 40 END
    ELSE CASE obs_status
        WHEN 'A' THEN 10 WHEN 'W' THEN 11 WHEN 'D' THEN 12 WHEN 'G' THEN 13 WHEN 'V' THEN 14 WHEN 'B' THEN 15
        WHEN 'J' THEN 16 WHEN 'K' THEN 17 WHEN 'S' THEN 18 WHEN 'I' THEN 19 WHEN 'P' THEN 20 WHEN 'U' THEN 21
        WHEN 'F' THEN 23 ELSE 22
    END
END
$$;

COMMENT ON FUNCTION bi.status_rank IS
'How much a figure says against a sum that it is part of: below 10 it is no part, 30 and above it is missing';

CREATE OR REPLACE FUNCTION bi.status_of_rank(status_rank integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN status_rank IN (1, 2, 50, 51) THEN 'M'
    WHEN status_rank BETWEEN 10 AND 23 THEN substr('AWDGVBJKSIPUEF', status_rank - 9, 1)
    WHEN status_rank = 30 THEN 'Q'
    WHEN status_rank = 31 THEN 'L'
    ELSE 'O'
END
$$;

COMMENT ON FUNCTION bi.status_of_rank IS 'The status of a sum or ratio whose highest rank this is, see dim_status';

CREATE OR REPLACE FUNCTION bi.reason_of_rank(status_rank integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN status_rank IN (1, 51) THEN 'did_not_exist'
    WHEN status_rank IN (2, 50) THEN 'not_applicable'
    WHEN status_rank BETWEEN 10 AND 23 THEN NULL
    WHEN status_rank = 30 THEN 'suppressed'
    WHEN status_rank = 31 THEN 'not_collected'
    ELSE 'not_available'
END
$$;

COMMENT ON FUNCTION bi.reason_of_rank IS 'Why a sum or ratio has no figure whose highest rank this is; NULL where it has one';

-- What the aggregates know so far: the highest rank, how many parts, how many of them with a figure, the sum of those.
CREATE OR REPLACE FUNCTION bi.add_part(
    so_far double precision[], value double precision, obs_status text, missing_reason text
) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT ARRAY[
    greatest(so_far[1], r.status_rank),
    so_far[2] + (r.status_rank >= 10)::integer,
    so_far[3] + (r.status_rank BETWEEN 10 AND 29)::integer,
    so_far[4] + CASE WHEN r.status_rank BETWEEN 10 AND 29 THEN value ELSE 0 END
]
FROM (SELECT bi.status_rank(value, obs_status, missing_reason) AS status_rank) AS r
$$;

COMMENT ON FUNCTION bi.add_part IS 'The step of bi.total and the aggregates beside it';

CREATE OR REPLACE FUNCTION bi.total_of(parts double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN parts[1] < 30 AND parts[3] > 0 THEN parts[4] END
$$;

COMMENT ON FUNCTION bi.total_of IS 'The end of bi.total';

CREATE OR REPLACE FUNCTION bi.known_of(parts double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN parts[3] > 0 THEN parts[4] END
$$;

COMMENT ON FUNCTION bi.known_of IS 'The end of bi.known';

CREATE OR REPLACE FUNCTION bi.coverage_of(parts double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT parts[3] / nullif(parts[2], 0)
$$;

COMMENT ON FUNCTION bi.coverage_of IS 'The end of bi.coverage';

CREATE OR REPLACE FUNCTION bi.total_status_of(parts double precision[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT bi.status_of_rank(parts[1]::integer)
$$;

COMMENT ON FUNCTION bi.total_status_of IS 'The end of bi.total_status';

CREATE OR REPLACE FUNCTION bi.total_reason_of(parts double precision[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT bi.reason_of_rank(parts[1]::integer)
$$;

COMMENT ON FUNCTION bi.total_reason_of IS 'The end of bi.total_reason';

CREATE OR REPLACE AGGREGATE bi.total (double precision, text, text)(
    sfunc = bi.add_part,
    stype = _float8,
    initcond = '{0,0,0,0}',
    finalfunc = bi.total_of,
    parallel = safe
);

COMMENT ON AGGREGATE bi.total (double precision, text, text) IS
'Of published_value, obs_status and missing_reason: the sum, NULL where a part is missing or suppressed. What is not applicable or did not exist is no part';

CREATE OR REPLACE AGGREGATE bi.known (double precision, text, text)(
    sfunc = bi.add_part,
    stype = _float8,
    initcond = '{0,0,0,0}',
    finalfunc = bi.known_of,
    parallel = safe
);

COMMENT ON AGGREGATE bi.known (double precision, text, text) IS
'The sum of the parts that have a figure, whatever is missing. Show bi.coverage beside it';

CREATE OR REPLACE AGGREGATE bi.coverage (double precision, text, text)(
    sfunc = bi.add_part,
    stype = _float8,
    initcond = '{0,0,0,0}',
    finalfunc = bi.coverage_of,
    parallel = safe
);

COMMENT ON AGGREGATE bi.coverage (double precision, text, text) IS
'The share of the parts that have a figure, 0 to 1; NULL where there is no part';

CREATE OR REPLACE AGGREGATE bi.total_status (double precision, text, text)(
    sfunc = bi.add_part,
    stype = _float8,
    initcond = '{0,0,0,0}',
    finalfunc = bi.total_status_of,
    parallel = safe
);

COMMENT ON AGGREGATE bi.total_status (double precision, text, text) IS
'The status of the sum, see dim_status: that of the part that says most against it';

CREATE OR REPLACE AGGREGATE bi.total_reason (double precision, text, text)(
    sfunc = bi.add_part,
    stype = _float8,
    initcond = '{0,0,0,0}',
    finalfunc = bi.total_reason_of,
    parallel = safe
);

COMMENT ON AGGREGATE bi.total_reason (double precision, text, text) IS
'Why the sum has no figure: not_available, not_collected, suppressed, did_not_exist, not_applicable; NULL where it has one';

-- A ratio: missing beats a figure, what cannot be beats both, and nothing is divided by zero.
CREATE OR REPLACE FUNCTION bi.ratio_rank(
    numerator double precision, numerator_status text, numerator_reason text,
    denominator double precision, denominator_status text, denominator_reason text
) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN denominator = 0 AND r.ratio_rank < 30 THEN 50 ELSE r.ratio_rank END
FROM (
    SELECT max(CASE s.status_rank WHEN 1 THEN 51 WHEN 2 THEN 50 ELSE s.status_rank END) AS ratio_rank
    FROM (
        VALUES
        (bi.status_rank(numerator, numerator_status, numerator_reason)),
        (bi.status_rank(denominator, denominator_status, denominator_reason))
    ) AS s (status_rank)
) AS r
$$;

COMMENT ON FUNCTION bi.ratio_rank IS
'What a ratio says, from value, obs_status and missing_reason of both sides: below 30 it has a figure, see status_of_rank and reason_of_rank';
