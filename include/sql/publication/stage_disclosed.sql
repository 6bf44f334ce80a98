-- What disclosure control says of figures: filled by it, one row for each that is not published as it is.
CREATE TEMPORARY TABLE disclosed (
    observation_id text PRIMARY KEY,
    vintage integer NOT NULL,
    kind text NOT NULL,
    conf_status text NOT NULL,
    told boolean NOT NULL,
    shown double precision,
    source text NOT NULL
) ON COMMIT DROP
