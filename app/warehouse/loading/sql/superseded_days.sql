-- The days of loads that were replaced at least {unused:UInt32} seconds ago, and whose rows may still be there: load, day,
-- the version twice, as the first and the last.
WITH abandoned AS (SELECT load FROM loads WHERE state = 'abandoned')
SELECT old.load, old.date AS day, old.version AS first_version, old.version AS last_version
FROM
(
    SELECT load, date, version
    FROM loads
    WHERE state IN ('published', 'swept') AND load NOT IN abandoned
    GROUP BY load, date, version
    HAVING countIf(state = 'published') > 0 AND countIf(state = 'swept') = 0
) AS old
INNER JOIN
(
    SELECT date, max(load) AS newest_load, max(at) AS newest_at
    FROM loads
    WHERE state = 'published' AND load NOT IN abandoned
    GROUP BY date
) AS new ON new.date = old.date
WHERE new.newest_load > old.load AND new.newest_at <= now64(3, 'UTC') - {unused:UInt32}
ORDER BY first_version
