-- Versions, from first to last, that no reader counts and whose rows may still be there; and since when.
-- First the loads that were never published, whole, until two sweeps in turn have found nothing of them, the later one
-- {again:UInt32} seconds after the earlier; then each superseded day.
WITH abandoned AS (SELECT load FROM loads WHERE state = 'abandoned')
SELECT load, toDate(0) AS day, bitShiftLeft(toUInt64(load), 16) AS first_version, bitOr(first_version, 65535) AS last_version,
    since, 'unpublished' AS reason
FROM
(
    SELECT load, max(at) AS since, arraySort(groupArrayIf((at, rows), state = 'swept' AND date = toDate(0))) AS sweeps
    FROM loads
    GROUP BY load
    HAVING countIf(state IN ('published', 'added', 'fetched')) = 0 OR countIf(state = 'abandoned') > 0
)
WHERE NOT (length(sweeps) >= 2 AND sweeps[-1].2 = 0 AND sweeps[-2].2 = 0)
  AND (empty(sweeps) OR sweeps[-1].1 <= now64(3, 'UTC') - {again:UInt32})
UNION ALL
SELECT old.load, old.date AS day, old.version AS first_version, old.version AS last_version, new.newest_at AS since, 'superseded' AS reason
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
WHERE new.newest_load > old.load
ORDER BY first_version
