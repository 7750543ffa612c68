-- Package, then its downloads without mirrors: since the start of a window, of the last month, of the last week, and in
-- the days before that week that it is compared with; for packages that have any.
SELECT
    project,
    sumIf(downloads, date >= {start:Date}) AS in_window,
    sumIf(downloads, date >= {month:Date}) AS last_month,
    sumIf(downloads, date >= {week:Date}) AS last_week,
    sumIf(downloads, date BETWEEN {before_start:Date} AND {before_end:Date}) AS before_week
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension = 'overall'
  AND category = 'without_mirrors'
  AND date BETWEEN {first:Date} AND {end:Date}
  AND {{rows}}
GROUP BY project
