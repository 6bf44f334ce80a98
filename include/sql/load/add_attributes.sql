INSERT INTO core.attributes (
    attribute_id, dataset, conf_status, unit, unit_mult, missing_reason, nature, concept_basis, coverage,
    residence_criterion, reference_point, note
)
SELECT
    attribute_id,
    dataset,
    conf_status,
    unit,
    unit_mult::integer,
    missing_reason,
    nature,
    concept_basis,
    coverage,
    residence_criterion,
    reference_point,
    note
FROM stage_attributes
ON CONFLICT (attribute_id) DO NOTHING
