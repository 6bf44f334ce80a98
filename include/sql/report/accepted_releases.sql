-- The dates with which the releases of a source were accepted, and in how many slices. A slice has one state for each time
-- that other figures were posted under the name of a release: its first one has the date of the release.
WITH first_states AS (
    SELECT
        slice,
        release,
        min(released_at) AS accepted
    FROM ops.slice_state
    WHERE source = %(source)s AND release <> ''
    GROUP BY slice, release
)

SELECT
    release,
    accepted,
    count(*) AS slices
FROM first_states
GROUP BY release, accepted
ORDER BY accepted, release
