-- A finding has a size, a waiver a bound: an exception made for the difference that was seen lets no larger one pass.
ALTER TABLE ops.gate_finding ADD COLUMN size double precision CHECK (size >= 0);

COMMENT ON COLUMN ops.gate_finding.size IS 'How grave it is, as a share, a factor or a number; NULL where it cannot be measured';

ALTER TABLE ops.waiver ADD COLUMN up_to double precision CHECK (up_to >= 0);

COMMENT ON COLUMN ops.waiver.up_to IS 'Size that it lets pass at most; without one it is for findings that have no size';

-- A waiver holds until the vintage is there: one that expired after the gate, or that another candidate used, is none.
CREATE FUNCTION ops.spent_waivers(of_candidate text) RETURNS integer[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(DISTINCT w.waiver_id ORDER BY w.waiver_id), '{}')
    FROM ops.gate_finding AS f
    INNER JOIN ops.waiver AS w ON f.waiver_id = w.waiver_id
    LEFT JOIN ops.waiver_use AS u ON w.waiver_id = u.waiver_id
    WHERE f.candidate_id = of_candidate
        AND (coalesce(u.candidate_id <> of_candidate, FALSE) OR (u.waiver_id IS NULL AND w.expires_at <= clock_timestamp()))
$$;

COMMENT ON FUNCTION ops.spent_waivers IS 'Waivers that a candidate counts on and that let nothing pass any more';

CREATE FUNCTION ops.require_waivers() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(ops.spent_waivers(new.candidate_id)) > 0 THEN
        RAISE EXCEPTION 'candidate % counts on waivers that expired or were used', new.candidate_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER waived BEFORE INSERT ON ops.vintage
FOR EACH ROW EXECUTE FUNCTION ops.require_waivers();

REVOKE EXECUTE ON FUNCTION ops.spent_waivers, ops.require_waivers FROM public;
GRANT EXECUTE ON FUNCTION ops.spent_waivers TO migstats_etl;
