-- The last load: its number, who announced it, whether it is over, and the seconds since its last heartbeat.
SELECT
    load,
    anyIf(holder, state = 'started') AS holder,
    countIf(state NOT IN ('started', 'alive')) > 0 AS is_over,
    dateDiff('millisecond', max(at), now64(3, 'UTC')) / 1000 AS silent
FROM loads
WHERE load = (SELECT max(load) FROM loads)
GROUP BY load
