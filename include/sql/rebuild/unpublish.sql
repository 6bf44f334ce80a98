-- In the transaction that publishes everything anew: readers see the state before it or the state after it.
WITH taken AS (
    DELETE FROM ops.publication
),

withheld AS (
    DELETE FROM core.restricted
),

sums AS (
    DELETE FROM core.group_total
),

there AS (
    DELETE FROM bi.availability
),

there_in_all AS (
    DELETE FROM bi.availability_total
),

added_up AS (
    DELETE FROM bi.annual_sum
),

counted AS (
    DELETE FROM bi.release_figures
),

computed AS (
    DELETE FROM bi.derivation
),

compared AS (
    DELETE FROM core.reconciliation
),

corridors AS (
    DELETE FROM bi.corridor_figures
),

pairs AS (
    DELETE FROM core.corridor
),

mirrors AS (
    DELETE FROM core.corridor_mirror
),

accounts AS (
    DELETE FROM bi.stock_flow
)

DELETE FROM bi.observation_all
