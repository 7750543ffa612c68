-- In one row: the packages with the most downloads in a window, mirrors included, those downloads, and more than what
-- any other package can have.
-- A package's months that touch the window are at least its window: they say which packages are worth a look.
-- Keys: (month, project); of pypi_downloads_per_day (project, date).
WITH
    candidates AS
    (
        SELECT project, sum(count) AS bound
        FROM pypi_downloads_per_month
        WHERE month BETWEEN toStartOfMonth({start:Date}) AND {end:Date}
        GROUP BY project
        ORDER BY bound DESC, project
        LIMIT {candidates:UInt32}
    ),
    (SELECT if(count() = {candidates:UInt32}, min(bound), 0) FROM candidates) AS not_candidates
SELECT
    arraySlice(ranked, 1, {first:UInt32}).1 AS projects,
    arraySlice(ranked, 1, {first:UInt32}).2 AS with_mirrors,
    greatest(ranked[{first:UInt32} + 1].2, not_candidates) AS others
FROM
(
    SELECT arraySort(pair -> (-pair.2, pair.1), groupArray((project, downloads))) AS ranked
    FROM
    (
        SELECT project, sum(count) AS downloads
        FROM pypi_downloads_per_day
        WHERE project IN (SELECT project FROM candidates)
          AND date BETWEEN {start:Date} AND {end:Date}
        GROUP BY project
    )
)
