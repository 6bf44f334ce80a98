CREATE OR REPLACE VIEW bi.dim_code AS
SELECT
    'freq' AS dimension,
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.freq
UNION ALL
SELECT
    'counterpart_basis',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.counterpart_basis
UNION ALL
SELECT
    'migration_status',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.migration_status
UNION ALL
SELECT
    'education',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.education
UNION ALL
SELECT
    'labour_status',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.labour_status
UNION ALL
SELECT
    'occupation',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.occupation
UNION ALL
SELECT
    'activity',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.activity
UNION ALL
SELECT
    'reason',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.reason
UNION ALL
SELECT
    'urbanisation',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.urbanisation
UNION ALL
SELECT
    'disability',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.disability
UNION ALL
SELECT
    'breakdown',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.breakdown
UNION ALL
SELECT
    'unit',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.unit
UNION ALL
SELECT
    'conf_status',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.conf_status
UNION ALL
SELECT
    'missing_reason',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.missing_reason
UNION ALL
SELECT
    'nature',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.nature
UNION ALL
SELECT
    'concept_basis',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.concept_basis
UNION ALL
SELECT
    'residence_criterion',
    code,
    name_en,
    name_fr,
    name_es,
    name_ar,
    name_ru
FROM ref.residence_criterion;

COMMENT ON VIEW bi.dim_code IS
'Names of the codes of every column of fact_observation that has no dim_... of its own, in five languages. Join by dimension and code';
COMMENT ON COLUMN bi.dim_code.dimension IS 'Column of fact_observation';
COMMENT ON COLUMN bi.dim_code.code IS 'Code in that column';
COMMENT ON COLUMN bi.dim_code.name_en IS 'Name in English';
COMMENT ON COLUMN bi.dim_code.name_fr IS 'Name in French';
COMMENT ON COLUMN bi.dim_code.name_es IS 'Name in Spanish';
COMMENT ON COLUMN bi.dim_code.name_ar IS 'Name in Arabic';
COMMENT ON COLUMN bi.dim_code.name_ru IS 'Name in Russian';
