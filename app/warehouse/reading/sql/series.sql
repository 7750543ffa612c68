-- The downloads of some packages in some dimensions: package, dimension, category, date (the first of its bucket),
-- downloads; one package's dimension at a time, in it in plain text order of category, then date. Each dimension of each
-- package, or only some pairs of them. Key: project, dimension, and the categories where some are asked for.
SELECT
    project,
    toString(dimension) AS dimension_name,
    category,
    toDate(dateTrunc({granularity:String}, date)) AS bucket,
    sum(downloads) AS downloads
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension IN {dimensions:Array(String)}
  AND (empty({pairs:Array(Tuple(String, String))}) OR (project, dimension) IN {pairs:Array(Tuple(String, String))})
  AND (empty({categories:Array(String)}) OR category IN {categories:Array(String)})
  AND date BETWEEN {start:Date} AND {end:Date}
  AND {{rows}}
GROUP BY project, dimension, category, bucket
ORDER BY project, dimension, category, bucket
