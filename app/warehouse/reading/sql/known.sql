-- Those of the packages that have been downloaded on any published day, or on any day of some spans.
SELECT DISTINCT project
FROM downloads_daily
WHERE project IN {projects:Array(String)}
  AND dimension = 'overall'
  AND category = 'with_mirrors'
  AND ({any_day:Bool} OR arrayExists(span -> date BETWEEN span.1 AND span.2, {spans:Array(Tuple(Date, Date))}))
  AND {{rows}}
