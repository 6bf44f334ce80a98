-- The canonical tables that stand, one for each year: of the submissions that were approved and not superseded.
SELECT DISTINCT ON (year)
    year,
    snapshot
FROM ops.upload_now
WHERE country = %(country)s AND form = %(form)s AND state IN ('approved', 'published') AND snapshot IS NOT null
ORDER BY year ASC, at DESC
