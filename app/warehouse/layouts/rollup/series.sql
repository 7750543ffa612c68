-- The downloads of one package in one dimension: category, date (the first of its bucket), downloads, in plain text
-- order of category, then date. Key: project, dimension, and the categories where some are asked for.
SELECT
    category,
    toDate(dateTrunc({granularity:String}, date)) AS bucket,
    sum(downloads) AS downloads
FROM downloads_daily
WHERE project = {project:String}
  AND dimension = {dimension:String}
  AND (empty({categories:Array(String)}) OR category IN {categories:Array(String)})
  AND date BETWEEN {start:Date} AND {end:Date}
  AND version <= {newest_version:UInt64}
  AND version NOT IN {dead:Array(UInt64)}
GROUP BY category, bucket
ORDER BY category, bucket
