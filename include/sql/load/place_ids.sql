SELECT
    place_id,
    snapshot_id,
    template
FROM core.place
WHERE snapshot_id = any(%(snapshot_ids)s)
