INSERT INTO core.place (snapshot_id, template)
SELECT
    %(snapshot_id)s,
    templates.template
FROM unnest(%(templates)s::text[]) AS templates (template)
ON CONFLICT (snapshot_id, template) DO NOTHING
