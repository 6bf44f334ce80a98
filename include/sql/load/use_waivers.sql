INSERT INTO ops.waiver_use (waiver_id, candidate_id, vintage_id)
SELECT DISTINCT
    waiver_id,
    %(candidate_id)s,
    %(vintage)s::integer
FROM ops.gate_finding
WHERE candidate_id = %(candidate_id)s AND waiver_id IS NOT NULL
ON CONFLICT (waiver_id) DO NOTHING
