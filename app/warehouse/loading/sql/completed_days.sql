-- The days that the packages of a store have which holds some, in order, and which of the optional dimensions.
SELECT DISTINCT date, dimensions
FROM loads
WHERE state = 'completed' AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
ORDER BY date
