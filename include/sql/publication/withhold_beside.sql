-- What is made of figures of a source that may be passed on no more, or of what was computed from them, leaves bi with
-- them; the next publish makes it anew.
WITH withheld AS (
    SELECT code FROM ref.source
    WHERE code = %(source)s AND redistribution <> 'allowed'
),

corridors AS (
    DELETE FROM bi.corridor_figures AS f
    USING withheld AS w
    WHERE
        f.source = w.code
        OR (
            f.source = 'migstats'
            AND NOT EXISTS (
                SELECT 1 FROM bi.observation_all AS o
                WHERE o.observation_id = f.observation_id
            )
        )
    RETURNING
        f.origin,
        f.destination
),

-- all years of a pair: which one is the latest may have been said by the figure that goes
pairs AS (
    DELETE FROM core.corridor AS k
    USING corridors AS f
    WHERE k.origin = f.origin AND k.destination = f.destination
),

mirrors AS (
    DELETE FROM core.corridor_mirror AS m
    USING corridors AS f
    WHERE m.origin = f.origin AND m.destination = f.destination
),

added_up AS (
    DELETE FROM bi.annual_sum AS s
    USING withheld AS w
    WHERE
        s.source = w.code
        OR (
            s.source = 'migstats'
            AND EXISTS (
                SELECT 1 FROM core.restricted AS r
                WHERE r.source = w.code AND r.indicator = s.indicator
            )
        )
),

counted AS (
    DELETE FROM bi.release_figures AS r
    USING withheld AS w
    WHERE r.source = w.code
),

accounts AS (
    DELETE FROM bi.stock_flow AS f
    USING
        (
            SELECT
                p.account,
                r.ref_area
            FROM withheld AS w
            INNER JOIN core.restricted AS r ON w.code = r.source
            INNER JOIN ref.stock_flow AS p ON r.indicator = p.indicator
        ) AS g
    WHERE f.account = g.account AND f.ref_area = g.ref_area
)

UPDATE core.reconciliation AS r
SET restricted = TRUE
FROM withheld AS w
WHERE
    NOT r.restricted
    AND (
        w.code IN (r.source, r.other_source)
        OR r.denominator_observation_id LIKE w.code || '-%%'
        OR (
            'migstats' IN (r.source, r.other_source)
            AND EXISTS (
                SELECT 1
                FROM unnest(ARRAY[r.observation_id, r.other_observation_id]) AS i (observation_id)
                LEFT JOIN bi.observation_all AS o ON i.observation_id = o.observation_id
                WHERE o.observation_id IS NULL
            )
        )
    )
