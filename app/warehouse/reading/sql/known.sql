-- Those of the packages that have been downloaded on any published day.
SELECT DISTINCT project
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension = 'overall'
  AND category = 'with_mirrors'
  AND {{rows}}
