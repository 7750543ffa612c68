-- What a reader may count, in one row: the newest version that replaces a day, the newest version of all, the superseded
-- versions whose rows may still be there, the loads below that were never published and whose rows may be there or still
-- come, the loaded days in order, which optional dimensions each has, and the sources of the loads that replaced days. A load that was abandoned is not
-- published, whatever else the journal says of it. A day that is not over before {today:Date} is not published either:
-- older versions loaded it.
WITH
    abandoned AS (SELECT load FROM loads WHERE state = 'abandoned'),
    days AS
    (
        SELECT
            date,
            argMax(source, load) AS source,
            argMax(dimensions, load) AS dimensions,
            if(date < {today:Date}, max(version), 0) AS live,
            groupArrayIf(version, NOT swept) AS present
        FROM
        (
            SELECT load, date, version, anyIf(source, state = 'published') AS source, anyIf(loads.dimensions, state = 'published') AS dimensions,
                countIf(state = 'published') AS published, countIf(state = 'swept') > 0 AS swept
            FROM loads
            WHERE state IN ('published', 'swept') AND load NOT IN abandoned
            GROUP BY load, date, version
            HAVING published > 0
        )
        GROUP BY date
    ),
    unpublished AS
    (
        SELECT load, arraySort(groupArrayIf((at, rows), state = 'swept' AND date = toDate(0))) AS sweeps
        FROM loads
        WHERE state != 'alive'
        GROUP BY load
        HAVING countIf(state IN ('published', 'added')) = 0 OR countIf(state = 'abandoned') > 0
    ),
    added AS
    (
        SELECT
            bitOr(bitShiftLeft(toUInt64(max(load)), 16), 65535) AS newest,
            groupUniqArrayIf((date, loads.dimensions), state = 'completed' AND date < {today:Date}) AS days
        FROM loads
        WHERE state IN ('added', 'completed') AND load NOT IN abandoned
    ),
    loaded AS
    (
        SELECT arraySort(arrayConcat(groupArrayIf((date, dimensions), live != 0), (SELECT days FROM added))) AS days
        FROM days
    )
SELECT
    max(live) AS newest_published,
    greatest(newest_published, if((SELECT newest FROM added) = 65535, 0, (SELECT newest FROM added))) AS newest_version,
    arraySort(arrayFlatten(groupArray(arrayFilter(v -> v != live, present)))) AS dead,
    arrayFilter(
        load -> load < bitShiftRight(newest_version, 16),
        -- Two sweeps in turn have found nothing of a load that is not among them any more.
        (
            SELECT arraySort(groupArray(load))
            FROM unpublished
            WHERE NOT (length(sweeps) >= 2 AND sweeps[-1].2 = 0 AND sweeps[-2].2 = 0)
        )
    ) AS dead_loads,
    (SELECT days.1 FROM loaded) AS loaded_days,
    -- Each set of optional dimensions that days have, and for each day the number of its set.
    (SELECT arrayDistinct(days.2) FROM loaded) AS sets,
    (SELECT arrayMap(day -> indexOf(arrayDistinct(days.2), day.2), days) FROM loaded) AS set_of_day,
    arraySort(groupUniqArrayIf(100)(source, live != 0)) AS sources
FROM days
