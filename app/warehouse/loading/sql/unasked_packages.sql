-- The followed packages that were neither requested nor newly followed since a time.
SELECT project
FROM
(
    SELECT project, argMax(state, at) AS newest, max(at) AS since FROM followed GROUP BY project
)
WHERE newest = 'followed'
  AND since < {since:DateTime64(3)}
  AND project NOT IN (SELECT project FROM asked WHERE at >= {since:DateTime64(3)})
