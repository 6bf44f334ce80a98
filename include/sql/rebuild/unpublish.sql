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

computed AS (
    DELETE FROM bi.derivation
),

compared AS (
    DELETE FROM core.reconciliation
),

corridors AS (
    DELETE FROM bi.corridor_figures
),

accounts AS (
    DELETE FROM bi.stock_flow
)

DELETE FROM bi.observation_all
