-- In the transaction that publishes everything anew: readers see the state before it or the state after it.
WITH taken AS (
    DELETE FROM ops.publication
),

withheld AS (
    DELETE FROM core.restricted
),

sums AS (
    DELETE FROM core.group_total
)

DELETE FROM bi.observation_all
