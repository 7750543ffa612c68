-- Those of the packages that have been downloaded on any published day.
SELECT DISTINCT project
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension = 'overall'
  AND category = 'with_mirrors'
  AND version <= {newest_version:UInt64}
  AND version NOT IN {dead:Array(UInt64)}
