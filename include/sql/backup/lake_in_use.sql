-- What the database needs of the lake: snapshots, folders of facts that loads were made with, accepted tables of slices.
SELECT DISTINCT
    'snapshot' AS sort,
    sha256 AS name,
    sha256
FROM raw.snapshot
UNION
SELECT
    'facts' AS sort,
    made_with AS name,
    made_with AS sha256
FROM ops.load_landing
UNION
SELECT
    'facts' AS sort,
    made_with AS name,
    made_with AS sha256
FROM ops.vintage
WHERE made_with <> ''
UNION
SELECT
    'table' AS sort,
    facts_path AS name,
    facts_sha256 AS sha256
FROM ops.slice_state
ORDER BY sort, name
