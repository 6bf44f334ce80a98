-- Figures that may not be passed on are published beside bi, not in it: readers of bi never see them, whatever they ask.
CREATE TABLE core.restricted (
    LIKE bi.fact_observation INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING COMMENTS
);
COMMENT ON TABLE core.restricted IS
'As bi.fact_observation, of sources whose figures may not be passed on (redistribution forbidden or unclear)';

CREATE VIEW core.published AS
SELECT * FROM bi.fact_observation -- noqa: AM04
UNION ALL
SELECT * FROM core.restricted; -- noqa: AM04
COMMENT ON VIEW core.published IS
'Every published figure, those that may not be passed on too. SUM(value) counts nothing twice: a restricted figure has a value only where no source of bi has one';

ALTER TABLE ops.publication ADD COLUMN restricted boolean;
COMMENT ON COLUMN ops.publication.restricted IS
'Whether it was published beside bi; NULL: before there was a difference, and it is published once more';

GRANT INSERT, UPDATE, DELETE ON core.restricted TO migstats_etl;
