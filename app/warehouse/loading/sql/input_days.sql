-- What the input holds, a row a day: date, downloads, those that are left out and those of them that are left out for a
-- malformed Python, and packages. The placeholder is events.sql.
SELECT
    date,
    sum(downloads),
    sumIf(downloads, NOT usable),
    sumIf(downloads, NOT usable AND has_project),
    uniqExactIf(project, usable AND downloads > 0)
FROM
(
    {{events}}
)
WHERE downloads > 0
GROUP BY date
ORDER BY date
