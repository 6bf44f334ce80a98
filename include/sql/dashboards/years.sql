-- What can be chosen as the year: the latest one of each country, or one year for all.
SELECT 'latest' AS year_shown
UNION
SELECT f.year::text AS year_shown
FROM bi.availability AS f;
