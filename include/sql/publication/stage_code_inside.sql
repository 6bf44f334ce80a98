-- Codes that lie in one another (in the EU, outside it: migrants): each with the one that holds it, or with itself where
-- it holds others. migstats.additive says it.
CREATE TEMPORARY TABLE code_inside (
    dimension text NOT NULL,
    code text NOT NULL,
    whole text NOT NULL,
    is_inside boolean NOT NULL
) ON COMMIT DROP
