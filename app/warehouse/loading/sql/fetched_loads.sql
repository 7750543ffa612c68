-- The loads that have rows of days that are begun and not completed.
SELECT DISTINCT load
FROM fetched_days
WHERE date IN {days:Array(Date)}
  AND load IN (SELECT load FROM loads WHERE state = 'fetched')
  AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
ORDER BY load
