-- Dimension, category, downloads: the sums of one package's series over a window.
SELECT
    toString(dimension) AS dimension_name,
    category,
    sum(downloads) AS downloads
FROM downloads_daily
WHERE project = {project:String}
  AND dimension IN {dimensions:Array(String)}
  AND date BETWEEN {start:Date} AND {end:Date}
  AND version <= {newest_version:UInt64}
  AND version NOT IN {dead:Array(UInt64)}
GROUP BY dimension, category
ORDER BY dimension, category
