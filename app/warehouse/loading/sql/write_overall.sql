-- The copy by day that ranks packages, also by their origin, from the rows that a load has written. (A materialized view would do the same,
-- at twice the time of the whole load: it handles each block by itself.)
INSERT INTO overall_daily (date, project, category, version, downloads)
SELECT date, project, category, version, downloads
FROM downloads_daily
WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
  AND dimension IN ('overall', 'origin')
  AND project != '__all__'
  AND {{has_lease}}
