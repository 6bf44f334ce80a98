-- What each source shows, since when, and how much of it.
WITH figures AS (
    SELECT
        f.source,
        sum(f.figures + f.missing + f.suppressed) AS figures,
        sum(f.preferred) AS preferred,
        sum(f.missing + f.suppressed) AS gaps,
        count(DISTINCT f.indicator) AS indicators,
        count(DISTINCT f.ref_area) AS areas,
        min(f.first_year) AS first_year,
        max(f.last_year) AS last_year
    FROM bi.availability_total AS f
    GROUP BY f.source
)

SELECT
    s.source,
    s.publisher,
    s.title,
    s.release,
    s.released_at,
    s.accepted_at,
    f.figures::integer AS figures,
    f.preferred::integer AS preferred,
    f.gaps::integer AS gaps,
    f.indicators::integer AS indicators,
    f.areas::integer AS areas,
    f.first_year,
    f.last_year,
    s.licence,
    s.redistribution
FROM bi.dim_source AS s
LEFT JOIN figures AS f ON s.source = f.source
WHERE s.accepted_at IS NOT NULL OR f.figures IS NOT NULL;
