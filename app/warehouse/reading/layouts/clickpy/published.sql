-- One row: a number that is another one when the days are filled anew, and the days that are loaded, in order, up to
-- the newest complete one. A day with under half the median of the seven days before it is not complete.
-- Nothing says when a day is complete, and the days of all packages are too many rows to add up. So this looks at the
-- ten packages with the most downloads, wherever it runs: pypi_downloads has a row for each package; of
-- pypi_downloads_per_day it reads those ten by its key (project, date).
WITH
    days AS
    (
        SELECT
            date,
            sum(count) AS downloads,
            median(sum(count)) OVER (ORDER BY toUInt16(date) RANGE BETWEEN 7 PRECEDING AND 1 PRECEDING) AS usual
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
    ),
    -- No day is complete before it is over. Without a week before, `usual` is not a number, and nothing is less than that
    (SELECT maxOrNull(date) FROM days WHERE date < {today:Date} AND NOT downloads < usual / 2) AS newest
SELECT
    sum(cityHash64(date, downloads)) AS state,
    arraySort(groupArray(date)) AS loaded
FROM days
WHERE date <= newest
