-- The packages whose rows of days that are begun and not completed are there. A load is of all these days.
SELECT DISTINCT arrayJoin(packages)
FROM fetched_days
WHERE date IN {days:Array(Date)}
  AND load IN (SELECT load FROM loads WHERE state = 'fetched')
  AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
