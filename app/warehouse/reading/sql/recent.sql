-- Package, then its downloads on the last day, in the last week, in the last month, for packages that have any.
SELECT
    project,
    sumIf(downloads, date >= {day:Date}) AS last_day,
    sumIf(downloads, date >= {week:Date}) AS last_week,
    sum(downloads) AS last_month
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension = {dimension:String}
  AND category = {category:String}
  AND date BETWEEN {month:Date} AND {end:Date}
  AND {{rows}}
GROUP BY project
