-- The downloads of one package in one dimension, in one row whatever their number, for longer results are cut:
-- categories, and for each of them its dates (the first of their buckets, in order) and their downloads.
-- The placeholder is the file of the dimension: rows of category, date, downloads, some of them to be subtracted.
-- What is subtracted on a day never leaves less than nothing.
SELECT
    groupArray(category) AS categories,
    groupArray(days.1) AS dates,
    groupArray(days.2) AS downloads
FROM
(
    SELECT category, arraySort(groupArray((bucket, downloads))) AS days
    FROM
    (
        SELECT category, toDate(dateTrunc({granularity:String}, date)) AS bucket, sum(left) AS downloads
        FROM
        (
            SELECT category, date, toUInt64(greatest(sum(downloads), 0)) AS left
            FROM
            (
                {{dimension}}
            )
            WHERE empty({categories:Array(String)}) OR category IN {categories:Array(String)}
            GROUP BY category, date
            HAVING left > 0
        )
        GROUP BY category, bucket
    )
    GROUP BY category
)
