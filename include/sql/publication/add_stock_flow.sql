-- Stocks of one source and concept, one after the other, and the flows of the days in between: from the day of the
-- earlier stock (the day after, where it is of the end of a period) to the day before the later one. Flows of a year that a
-- date cuts count by days, and the row says so. One year without a figure of one part leaves that part, and the
-- residual, without a figure.
INSERT INTO bi.stock_flow
WITH parts AS (
    SELECT p.*
    FROM ref.stock_flow AS p
    WHERE
        p.account IN (
            SELECT k.account
            FROM ref.stock_flow AS k
            INNER JOIN pg_temp.touched AS t ON k.indicator = t.indicator
        )
),

figures AS (
    SELECT
        p.account,
        p.part,
        p.sign,
        f.ref_area,
        f.source,
        f.year,
        f.published_value AS value,
        f.concept_basis,
        f.obs_status,
        f.observation_id,
        core.is_modelled(f.nature, f.obs_status) OR coalesce(f.concept_basis LIKE '%imputed%', FALSE) AS is_modelled,
        f.point_in_time + CASE WHEN f.reference_point = 'end' THEN 1 ELSE 0 END AS day
    FROM bi.observation_all AS f
    INNER JOIN parts AS p
        ON
            f.indicator = p.indicator
            AND (p.counterpart_basis IS NULL OR f.counterpart_basis = p.counterpart_basis)
            AND (p.concept IS NULL OR f.concept_basis LIKE p.concept)
    INNER JOIN ref.area AS a ON f.ref_area = a.code
    WHERE
        f.preferred
        AND f.published_value IS NOT NULL
        AND f.freq = 'A'
        AND a.kind IN ('country', 'territory', 'historical')
        AND f.counterpart_area = '_T'
        AND f.subdivision = '_T'
        AND f.sex = '_T'
        AND f.age = '_T'
        AND f.migration_status = '_T'
        AND f.education = '_T'
        AND f.labour_status = '_T'
        AND f.occupation = '_T'
        AND f.activity = '_T'
        AND f.reason = '_T'
        AND f.urbanisation = '_T'
        AND f.disability = '_T'
        AND f.breakdown = '_T'
),

stocks AS (
    SELECT
        account,
        ref_area,
        source,
        day AS first_day,
        lead(day) OVER w AS next_day,
        value AS stock_before,
        lead(value) OVER w AS stock_after,
        concept_basis,
        lead(concept_basis) OVER w AS next_concept,
        lead(obs_status) OVER w AS next_status,
        is_modelled OR lead(is_modelled) OVER w AS is_modelled,
        observation_id,
        lead(observation_id) OVER w AS next_id
    FROM figures
    WHERE part = 'stock' AND day IS NOT NULL
    WINDOW w AS (PARTITION BY account, ref_area, source ORDER BY day, observation_id)
),

periods AS (
    SELECT * FROM stocks
    WHERE next_day > first_day
),

-- one row for each year of a period and each part that a source could have, with its figure or without
years AS (
    SELECT
        s.account,
        s.ref_area,
        s.source,
        s.first_day,
        p.part,
        p.sign,
        y.year,
        f.value,
        f.is_modelled,
        make_date(y.year + 1, 1, 1) - make_date(y.year, 1, 1) AS days,
        least(s.next_day, make_date(y.year + 1, 1, 1)) - greatest(s.first_day, make_date(y.year, 1, 1)) AS days_within
    FROM periods AS s
    INNER JOIN parts AS p ON s.account = p.account AND p.part <> 'stock' AND p.indicator IS NOT NULL
    CROSS JOIN
        generate_series(extract(YEAR FROM s.first_day)::integer, extract(YEAR FROM s.next_day - 1)::integer) AS y (year)
    LEFT JOIN (
        -- two sources of one flow, or two bases of its total: the first by name, so that it counts once
        SELECT DISTINCT ON (account, part, ref_area, year)
            account,
            part,
            ref_area,
            year,
            value,
            is_modelled
        FROM figures
        WHERE part <> 'stock'
        ORDER BY account, part, ref_area, year, observation_id
    ) AS f
        ON s.account = f.account AND p.part = f.part AND s.ref_area = f.ref_area AND y.year = f.year
),

flows AS (
    SELECT
        account,
        ref_area,
        source,
        first_day,
        part,
        CASE WHEN bool_and(value IS NOT NULL) THEN sum(value * days_within / days) END AS total,
        CASE WHEN bool_and(value IS NOT NULL) THEN sum(sign * value * days_within / days) END AS counted,
        bool_or(value IS NOT NULL AND days_within < days) AS is_prorated,
        coalesce(bool_or(is_modelled), FALSE) AS is_modelled,
        part || ' ' || string_agg(year::text, ', ' ORDER BY year) FILTER (WHERE value IS NULL) AS missing
    FROM years
    GROUP BY account, ref_area, source, first_day, part
),

sums AS (
    SELECT
        account,
        ref_area,
        source,
        first_day,
        max(total) FILTER (WHERE part = 'inflow') AS inflow,
        max(total) FILTER (WHERE part = 'outflow') AS outflow,
        max(total) FILTER (WHERE part = 'naturalisation') AS naturalisation,
        sum(counted) AS counted,
        bool_or(is_prorated) AS is_prorated,
        bool_or(is_modelled) AS is_modelled,
        'no figure: ' || string_agg(missing, '; ' ORDER BY part) AS missing
    FROM flows
    GROUP BY account, ref_area, source, first_day
),

told AS (
    SELECT
        s.*,
        f.inflow,
        f.outflow,
        f.naturalisation,
        f.counted,
        coalesce(f.is_prorated, FALSE) AS is_prorated,
        s.is_modelled OR coalesce(f.is_modelled, FALSE) AS any_modelled,
        CASE
            WHEN (s.concept_basis IS DISTINCT FROM s.next_concept) THEN 'the stocks differ in who counts'
            WHEN s.next_status = 'B' THEN 'a break in the series of stocks'
            ELSE f.missing
        END AS why_no_residual
    FROM periods AS s
    LEFT JOIN sums AS f
        ON s.account = f.account AND s.ref_area = f.ref_area AND s.source = f.source AND s.first_day = f.first_day
)

SELECT
    t.account,
    t.ref_area,
    t.source,
    t.first_day,
    t.next_day - 1 AS last_day,
    t.stock_before,
    t.stock_after,
    t.stock_after - t.stock_before AS change,
    t.inflow,
    t.outflow,
    t.naturalisation,
    CASE WHEN t.why_no_residual IS NULL THEN t.stock_after - t.stock_before - t.counted END AS residual,
    CASE
        WHEN t.why_no_residual IS NULL THEN (t.stock_after - t.stock_before - t.counted) / nullif(t.stock_before, 0)
    END AS residual_share,
    t.why_no_residual,
    (
        SELECT string_agg(p.part, ', ' ORDER BY p.part)
        FROM parts AS p
        WHERE p.account = t.account AND p.indicator IS NULL
    ) AS residual_holds,
    t.is_prorated,
    t.any_modelled AS is_modelled,
    t.concept_basis,
    t.observation_id AS observation_id_before,
    t.next_id AS observation_id_after
FROM told AS t
