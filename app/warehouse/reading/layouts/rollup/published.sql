-- What a reader may count, in one row: the newest published version, the superseded versions whose rows may still be
-- there, the published days in order, and the sources of the loads that they come from.
WITH
    days AS
    (
        SELECT
            date,
            argMax(source, load) AS source,
            max(version) AS live,
            groupArrayIf(version, NOT swept) AS present
        FROM
        (
            SELECT load, date, version, anyIf(source, state = 'published') AS source,
                countIf(state = 'published') AS published, countIf(state = 'swept') > 0 AS swept
            FROM loads
            GROUP BY load, date, version
            HAVING published > 0
        )
        GROUP BY date
    )
SELECT
    max(live) AS newest_version,
    arraySort(arrayFlatten(groupArray(arrayFilter(v -> v != live, present)))) AS dead,
    arraySort(groupArray(date)) AS days,
    arraySort(groupUniqArray(100)(source)) AS sources
FROM days
