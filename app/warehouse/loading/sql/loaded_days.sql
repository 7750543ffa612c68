-- The days that are published.
SELECT DISTINCT date
FROM loads
WHERE state = 'published' AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
ORDER BY date
