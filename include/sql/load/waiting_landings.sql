-- Landings of a slice before the one at hand that were neither loaded nor refused nor superseded; oldest first.
SELECT l.landed FROM raw.landing AS l
LEFT JOIN ops.settled AS s ON l.landing_id = s.landing_id
WHERE
    l.source = %(source)s AND l.slice = %(slice)s AND l.release = %(release)s AND l.landed_at < %(landed_at)s
    AND s.landing_id IS NULL
ORDER BY l.landed_at
