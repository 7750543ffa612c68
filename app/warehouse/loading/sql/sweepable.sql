-- Versions, from first to last, that count for nobody and whose rows may still be there; and when that came to be.
-- First the loads that were never published, whole; then each superseded day.
SELECT load, toDate(0) AS day, bitShiftLeft(toUInt64(load), 16) AS first_version, bitOr(first_version, 65535) AS last_version,
    max(at) AS since, 'unpublished' AS reason
FROM loads
GROUP BY load
HAVING countIf(state = 'published') = 0 AND countIf(state = 'swept') = 0
UNION ALL
SELECT old.load, old.date AS day, old.version AS first_version, old.version AS last_version, new.at AS since, 'superseded' AS reason
FROM
(
    SELECT load, date, version
    FROM loads
    WHERE state IN ('published', 'swept')
    GROUP BY load, date, version
    HAVING countIf(state = 'published') > 0 AND countIf(state = 'swept') = 0
) AS old
INNER JOIN
(
    SELECT date, max(load) AS load, max(at) AS at FROM loads WHERE state = 'published' GROUP BY date
) AS new ON new.date = old.date
WHERE new.load > old.load
ORDER BY first_version
