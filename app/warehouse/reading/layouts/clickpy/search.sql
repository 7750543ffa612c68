-- In one row: of the packages whose name begins with the prefix and that were downloaded in the window at all, those with
-- the most downloads in the last month, mirrors included; those downloads; and the most of any other, -1 without others.
-- Key: (project, date), whose rows for a prefix are neighbours.
SELECT
    arraySlice(ranked, 1, {first:UInt32}).1 AS projects,
    arraySlice(ranked, 1, {first:UInt32}).2 AS with_mirrors,
    if(length(ranked) > {first:UInt32}, ranked[{first:UInt32} + 1].2, -1) AS others
FROM
(
    SELECT arraySort(pair -> (-pair.2, pair.1), groupArray((project, last_month))) AS ranked
    FROM
    (
        SELECT project, sumIf(count, date >= {month:Date}) AS last_month
        FROM pypi_downloads_per_day
        WHERE startsWith(project, {prefix:String}) AND date BETWEEN {start:Date} AND {end:Date}
        GROUP BY project
    )
)
