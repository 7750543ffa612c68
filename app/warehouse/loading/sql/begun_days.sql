-- The days of which some packages' rows are there and that are not completed, in order.
SELECT DISTINCT date
FROM fetched_days
WHERE date NOT IN (SELECT date FROM loads WHERE state = 'completed' AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned'))
  AND load IN (SELECT load FROM loads WHERE state = 'fetched')
  AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
ORDER BY date
