-- The packages of a store that holds some: name, the dimensions that have not been fetched yet, the last day for which
-- these are missing.
SELECT project, incomplete_now, last_now
FROM
(
    SELECT project, argMax(state, at) AS newest, argMax(followed.incomplete, at) AS incomplete_now, argMax(followed.last, at) AS last_now
    FROM followed
    WHERE (state != 'followed' OR load IN (SELECT load FROM loads WHERE state = 'added'))
      AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
    GROUP BY project
)
WHERE newest = 'followed'
ORDER BY project
