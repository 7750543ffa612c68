-- In one row: the days in the tables, in order, and the downloads of the ten most downloaded packages on each.
-- Nothing says when a day is complete, and the days of all packages are too many rows to add up, so these ten stand for
-- all. pypi_downloads has a row for each package; of pypi_downloads_per_day it reads those ten by its key (project, date).
SELECT arraySort(groupArray((date, downloads))).1, arraySort(groupArray((date, downloads))).2
FROM
(
    SELECT date, sum(count) AS downloads
    FROM pypi_downloads_per_day
    WHERE project IN
    (
        SELECT project
        FROM pypi_downloads
        GROUP BY project
        ORDER BY sum(count) DESC, project
        LIMIT 10
    )
    GROUP BY date
)
