-- Sources that readers were shown, whatever bi holds at the moment.
SELECT DISTINCT source FROM ops.published
ORDER BY source
