-- The upload of the same bytes that still counts, if there is one.
SELECT upload_id FROM ops.upload_now
WHERE
    country = %(country)s AND form = %(form)s AND year = %(year)s AND sha256 = %(sha256)s
    AND state NOT IN ('withdrawn', 'superseded')
ORDER BY received_at DESC
LIMIT 1
