-- The downloads of one package in some dimensions: dimension, category, date (the first of its bucket), downloads; a
-- dimension at a time, in it in plain text order of category, then date. Key: project, dimension, and the categories
-- where some are asked for.
SELECT
    toString(dimension) AS dimension_name,
    category,
    toDate(dateTrunc({granularity:String}, date)) AS bucket,
    sum(downloads) AS downloads
FROM downloads_daily
WHERE project = {project:String}
  AND dimension IN {dimensions:Array(String)}
  AND (empty({categories:Array(String)}) OR category IN {categories:Array(String)})
  AND date BETWEEN {start:Date} AND {end:Date}
  AND version <= {newest_version:UInt64}
  AND version NOT IN {dead:Array(UInt64)}
GROUP BY dimension, category, bucket
ORDER BY dimension, category, bucket
