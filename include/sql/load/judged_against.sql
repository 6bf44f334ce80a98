-- What a candidate was compared with, what stands now of its slices, and the waivers that it counts on and that are spent.
SELECT
    c.base_vintage,
    c.breaches,
    d.verdict,
    ops.spent_waivers(c.candidate_id) AS spent_waivers,
    v.vintage_id AS latest_vintage,
    v.candidate_id AS latest_candidate
FROM ops.candidate AS c
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
LEFT JOIN ops.vintage AS v ON v.vintage_id = ops.vintage_of(c.source, c.slices)
WHERE c.candidate_id = %(candidate_id)s
