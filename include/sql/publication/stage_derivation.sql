-- Where the figures come from that are computed by this publication; statements `derive_...` fill it.
CREATE TEMPORARY TABLE derivation (LIKE bi.derivation) ON COMMIT DROP
