-- The package __all__: the sum over all packages in every dimension but version, from the rows that a load has written.
INSERT INTO downloads_daily (project, dimension, category, date, version, downloads)
SELECT '__all__', dimension, category, date, version, sum(downloads)
FROM downloads_daily
WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
  AND dimension NOT IN ('dropped', 'version')
  AND {{has_lease}}
GROUP BY dimension, category, date, version
