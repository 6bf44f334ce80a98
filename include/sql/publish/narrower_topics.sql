-- Narrower topics, one view each: the indicators that the catalogue names for it (also_topic), in the same columns.
DO $narrower$
DECLARE
    told record;
BEGIN
    FOR told IN
        SELECT * FROM (
            VALUES
            ('deaths', 'Deaths and disappearances during migration'),
            ('labour_migration', 'Labour migration: permits, departures, what recruitment costs and what migrants earn'),
            (
                'programme_results',
                'Results of programmes: businesses created, people trained, placed and reached, consultation centres'
            )
        ) AS v (topic, said)
    LOOP
        EXECUTE format($view$
CREATE OR REPLACE VIEW bi.%1$I AS
SELECT
    f.observation_id,
    f.source,
    f.indicator,
    i.name_en AS indicator_name,
    f.ref_area,
    a.name_en AS ref_area_name,
    a.kind AS ref_area_kind,
    f.subdivision,
    u.name_en AS subdivision_name,
    f.counterpart_area,
    c.name_en AS counterpart_name,
    f.counterpart_basis,
    f.sex,
    f.age,
    f.migration_status,
    f.education,
    f.occupation,
    f.reason,
    f.breakdown,
    f.time_period,
    f.year,
    f.value,
    f.published_value,
    f.is_total,
    f.unit,
    f.obs_status,
    f.conf_status,
    f.missing_reason,
    f.nature,
    f.concept_basis,
    f.point_in_time,
    f.note,
    f.release,
    f.subdivision_matched,
    f.subdivision_published,
    f.match_level,
    f.why_preferred,
    f.method,
    f.freq,
    f.labour_status,
    f.activity,
    f.urbanisation,
    f.disability
FROM bi.fact_observation AS f
INNER JOIN ref.indicator_catalogue AS t ON f.indicator = t.code
INNER JOIN ref.indicator AS i ON f.indicator = i.code
LEFT JOIN ref.subdivision AS u ON f.subdivision = u.code
LEFT JOIN ref.area AS a ON f.ref_area = a.code
LEFT JOIN ref.area AS c ON f.counterpart_area = c.code
WHERE t.also_topic = %1$L;

SELECT ref.comment_as('bi.%1$I', 'bi.fact_observation');
COMMENT ON VIEW bi.%1$I IS %2$L;
COMMENT ON COLUMN bi.%1$I.indicator_name IS 'Name of the indicator in English';
COMMENT ON COLUMN bi.%1$I.ref_area_name IS 'Name of the area in English';
COMMENT ON COLUMN bi.%1$I.ref_area_kind IS 'country, territory, historical, group, residual or total';
COMMENT ON COLUMN bi.%1$I.subdivision_name IS 'Name of the part of the area';
COMMENT ON COLUMN bi.%1$I.counterpart_name IS 'Name of the other area in English';
$view$, told.topic, told.said || '. One row per published figure; SUM(value) of one indicator within a year counts nothing twice');
    END LOOP;
END
$narrower$;
