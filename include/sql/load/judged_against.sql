-- What a candidate was compared with, what stands now, and the waivers that it counts on and that are spent.
SELECT
    c.base_vintage,
    c.breaches,
    d.verdict,
    ops.spent_waivers(c.candidate_id) AS spent_waivers,
    v.vintage_id AS latest_vintage,
    v.candidate_id AS latest_candidate
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
LEFT JOIN LATERAL (
    SELECT
        vintage.vintage_id,
        vintage.candidate_id
    FROM ops.vintage
    WHERE vintage.source = c.source
    ORDER BY vintage.vintage_id DESC
    LIMIT 1
) AS v ON TRUE
WHERE c.candidate_id = %(candidate_id)s
