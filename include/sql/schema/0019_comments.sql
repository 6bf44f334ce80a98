-- What the tables are that said nothing of themselves: docs/data-model.md is made of it.
DO $$
DECLARE
    said text[];
BEGIN
    FOREACH said SLICE 1 IN ARRAY ARRAY[
        ['sex', 'Sex, SDMX CL_SEX'],
        ['freq', 'Frequency, SDMX CL_FREQ'],
        ['conf_status', 'Confidentiality, SDMX CL_CONF_STATUS'],
        ['obs_status', 'Status of a figure, SDMX CL_OBS_STATUS, and whether it comes with a figure'],
        ['missing_reason', 'Why there is no figure, beside the status'],
        ['nature', 'Nature of a figure, SDMX-SDG CL_NATURE'],
        ['concept_basis', 'Who counts as a migrant: birth, citizenship or both, refugees added, imputed'],
        ['counterpart_basis', 'What the counterpart area is to the persons: birth, citizenship, origin, destination'],
        ['residence_criterion', 'Who counts as resident'],
        ['subdivision', 'Parts of countries, ISO 3166-2'],
        ['migration_status', 'Migrants and those who are none'],
        ['education', 'Level of education'],
        ['labour_status', 'Status in the labour force'],
        ['occupation', 'Occupation'],
        ['activity', 'Economic activity'],
        ['reason', 'Reason for migration'],
        ['urbanisation', 'Degree of urbanisation'],
        ['disability', 'Disability status'],
        ['breakdown', 'Further breakdowns, scheme:code'],
        ['unit', 'Units of measure'],
        ['age', 'Age bands with their first and last year of age'],
        ['area', 'Countries, territories, former states, groups and residuals with the codes of others for them'],
        ['indicator', 'The indicator catalogue: definition, unit, stock or flow, SDG series'],
        ['source_preference', 'Which source counts in SUM(value) where several publish an indicator'],
        ['source', 'Sources with publisher, licence and citation, as declared'],
        ['period', 'Periods with their first and last day']
    ] LOOP
        EXECUTE format('COMMENT ON TABLE ref.%I IS %L', said[1], said[2]);
    END LOOP;
    FOREACH said SLICE 1 IN ARRAY ARRAY[
        ['ops', 'migration', 'Migrations that were applied, with the hash of their text'],
        ['ops', 'vintage', 'Accepted states of sources: what each load that changed something came to'],
        ['ops', 'load', 'Loads, accepted or unchanged, by the hash of what went in'],
        ['ops', 'load_snapshot', 'What became of the cells of each snapshot in a load; the database holds the balance'],
        ['ops', 'load_landing', 'Landings that a load was made of, and the facts of ours that they were read with'],
        ['ops', 'explained', 'Cells that are no figures, by a closed list of reasons, with an example'],
        ['ops', 'quarantine', 'Cells that could not become observations: where, why, what stands there, what may be meant'],
        ['ops', 'validation_result', 'What Great Expectations judged: one row per expectation and run'],
        ['ops', 'gate_finding', 'What the gate found in a candidate'],
        ['ops', 'waiver_use', 'Waivers that let a finding pass; one that was used lets nothing else pass'],
        ['core', 'place', 'Places in snapshots that figures come from, with a hole for the row'],
        ['core', 'observation', 'Figures with both clocks: when the world could know them, when our readers saw them']
    ] LOOP
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', said[1], said[2], said[3]);
    END LOOP;
END
$$;
