INSERT INTO bi.release_figures (source, release, figures, still_stand, revised_later, taken_back_later)
SELECT
    r.source,
    r.release,
    count(*),
    count(*) FILTER (WHERE r.known_to IS NULL),
    count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'revised'),
    count(*) FILTER (WHERE r.known_to IS NOT NULL AND r.end_reason = 'deleted_at_source')
FROM bi.revisions AS r
WHERE r.source = any(%(sources)s)
GROUP BY r.source, r.release
