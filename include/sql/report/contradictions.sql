-- What our ledgers say that cannot be true together: what, where, and what to do about it. Keys forbid some of it; a
-- restored, repaired or edited database may lack them.
SELECT
    'a state of a slice refers to a load that is not there' AS what,
    s.source || ' ' || s.slice || ', load ' || s.load_id AS place,
    'migstats rebuild makes the states anew' AS remedy
FROM ops.slice_state AS s
LEFT JOIN ops.load AS l ON s.load_id = l.load_id
WHERE l.load_id IS NULL
UNION ALL
SELECT
    'a state of a slice refers to a snapshot that is not in the ledger',
    s.source || ' ' || s.slice || ', snapshot ' || u.sha256,
    'restore a backup: the ledger raw.snapshot lost a row'
FROM ops.slice_state AS s
CROSS JOIN LATERAL unnest(s.snapshots) AS u (sha256)
LEFT JOIN raw.snapshot AS n ON u.sha256 = n.sha256
WHERE n.sha256 IS NULL
UNION ALL
SELECT
    'figures stand and the state of no slice says where they came from',
    o.source,
    'migstats rebuild makes the states anew; until then a load of this source is refused'
FROM (SELECT DISTINCT source FROM core.series) AS o
WHERE
    EXISTS (
        SELECT 1 FROM core.observation AS c
        WHERE c.source = o.source AND c.known_to IS NULL
    )
    AND NOT EXISTS (
        SELECT 1 FROM ops.slice_state AS s
        WHERE s.source = o.source
    )
UNION ALL
SELECT
    'a landing refers to a snapshot that is not in the ledger',
    g.source || ' ' || g.slice || ', landing ' || g.landing_id || ', snapshot ' || (p.page ->> 'sha256'),
    'restore a backup: the ledger raw.snapshot lost a row'
FROM raw.landing AS g
CROSS JOIN LATERAL jsonb_array_elements(g.landed -> 'pages') AS p (page)
LEFT JOIN raw.snapshot AS n
    ON p.page ->> 'sha256' = n.sha256 AND g.source = n.source AND g.slice = n.slice AND g.release = n.release
WHERE n.sha256 IS NULL
UNION ALL
SELECT
    'a load has no landing that it was made of',
    l.source || ', load ' || l.load_id,
    'restore a backup: a rebuild would leave this load out'
FROM ops.load AS l
LEFT JOIN ops.load_landing AS m ON l.load_id = m.load_id
WHERE m.load_id IS NULL
UNION ALL
SELECT
    'a landing is settled by a load that is not there',
    'landing ' || s.landing_id || ', load ' || s.load_id,
    'restore a backup: the ledger ops.load lost a row'
FROM ops.settled AS s
LEFT JOIN ops.load AS l ON s.load_id = l.load_id
WHERE s.reason = 'loaded' AND l.load_id IS NULL
UNION ALL
SELECT
    'a load was accepted and has no vintage',
    l.source || ', load ' || l.load_id,
    'restore a backup: the ledger ops.vintage lost a row'
FROM ops.load AS l
LEFT JOIN ops.vintage AS v ON l.vintage_id = v.vintage_id
WHERE l.outcome = 'accepted' AND v.vintage_id IS NULL
UNION ALL
SELECT
    'a vintage has no load',
    v.source || ', vintage ' || v.vintage_id,
    'restore a backup: the ledger ops.load lost a row'
FROM ops.vintage AS v
LEFT JOIN ops.load AS l ON v.load_id = l.load_id
WHERE l.load_id IS NULL
UNION ALL
SELECT
    'bi shows a vintage that is newer than any that was accepted',
    p.source || ', vintage ' || p.vintage_id,
    'DELETE the row of ops.publication, then run the DAG publish'
FROM ops.publication AS p
LEFT JOIN (
    SELECT
        source,
        max(vintage_id) AS vintage_id
    FROM ops.vintage
    GROUP BY source
) AS v ON p.source = v.source
WHERE v.vintage_id IS NULL OR p.vintage_id > v.vintage_id
UNION ALL
SELECT
    'bi shows figures of a source that was not published',
    f.source,
    'run the DAG publish'
FROM (SELECT DISTINCT source FROM core.published) AS f
LEFT JOIN ops.publication AS p ON f.source = p.source
WHERE p.source IS NULL AND f.source <> 'migstats'
UNION ALL
SELECT
    'bi shows figures that may not be passed on',
    f.source,
    'run the DAG publish'
FROM (SELECT DISTINCT source FROM bi.observation_all) AS f
INNER JOIN ref.source AS s ON f.source = s.code
WHERE s.redistribution <> 'allowed'
UNION ALL
SELECT
    'figures came with a vintage that is not there',
    c.source || ', vintage ' || c.vintage_from,
    'restore a backup: the ledger ops.vintage lost a row'
FROM (
    SELECT DISTINCT
        source,
        vintage_from
    FROM core.observation
) AS c
LEFT JOIN ops.vintage AS v ON c.vintage_from = v.vintage_id
WHERE v.vintage_id IS NULL
UNION ALL
SELECT
    'a load does not balance: cells were lost',
    b.source || ' ' || b.slice || ', load ' || b.load_id,
    'migstats replay ' || b.source || '; if it stays, it is a bug'
FROM ops.balance AS b
WHERE b.difference <> 0
UNION ALL
SELECT
    'a vintage breached the gate and was not approved',
    v.source || ', vintage ' || v.vintage_id || ', candidate ' || v.candidate_id,
    'ask who accepted it; restore a backup, or decide now'
FROM ops.vintage AS v
INNER JOIN ops.candidate AS c ON v.candidate_id = c.candidate_id
LEFT JOIN ops.decision AS d ON c.candidate_id = d.candidate_id
WHERE d.verdict = 'rejected' OR (c.breaches > 0 AND d.verdict IS DISTINCT FROM 'approved')
ORDER BY what, place
