-- The loads before one that were never published, and whose rows may still be there: until two sweeps in turn have found
-- nothing of them, the later one {again:UInt32} seconds after the earlier. Load, no day, its first and last version.
SELECT load, toDate(0) AS day, bitShiftLeft(toUInt64(load), 16) AS first_version, bitOr(first_version, 65535) AS last_version
FROM
(
    SELECT load, arraySort(groupArrayIf((at, rows), state = 'swept' AND date = toDate(0))) AS sweeps
    FROM loads
    WHERE load < {before:UInt32}
    GROUP BY load
    HAVING countIf(state IN ('published', 'added', 'fetched')) = 0 OR countIf(state = 'abandoned') > 0
)
WHERE NOT (length(sweeps) >= 2 AND sweeps[-1].2 = 0 AND sweeps[-2].2 = 0)
  AND (empty(sweeps) OR sweeps[-1].1 <= now64(3, 'UTC') - {again:UInt32})
ORDER BY first_version
