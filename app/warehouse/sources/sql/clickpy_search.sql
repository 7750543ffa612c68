-- The packages whose name starts with a prefix and that were downloaded since a day, those with the most downloads in the
-- last month first, mirrors included. Key: (project, date), whose rows for a prefix are neighbours.
SELECT project
FROM pypi_downloads_per_day
WHERE startsWith(project, {prefix:String}) AND date BETWEEN {start:Date} AND {end:Date}
GROUP BY project
ORDER BY sumIf(count, date >= {month:Date}) DESC, project
LIMIT {limit:UInt32}
