-- Which bands of a set tile a standard band; migstats.ages says it.
CREATE TEMPORARY TABLE age_cover (bands text NOT NULL, target text NOT NULL, part text NOT NULL) ON COMMIT DROP
