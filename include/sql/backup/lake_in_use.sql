-- What the database needs of the lake: snapshots, folders of facts that loads were made with, accepted tables of slices,
-- workbooks that countries sent and what was understood of them (but those that were purged for data on persons).
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
UNION
SELECT
    'snapshot' AS sort,
    snapshot AS name,
    snapshot AS sha256
FROM ops.upload_reading
WHERE snapshot IS NOT NULL
UNION
SELECT
    'table' AS sort,
    'uploads/' || left(u.sha256, 2) || '/' || u.sha256 AS name,
    u.sha256
FROM ops.upload AS u
WHERE
    NOT EXISTS (
        SELECT 1 FROM ops.upload_finding AS f
        WHERE f.upload_id = u.upload_id AND f.code = 'microdata'
    )
UNION
SELECT
    'table' AS sort,
    'uploads/' || left(r.sha256, 2) || '/' || r.sha256 AS name,
    r.sha256
FROM (SELECT preview #>> '{marked, sha256}' AS sha256 FROM ops.upload_reading) AS r
WHERE r.sha256 IS NOT NULL
ORDER BY sort, name
