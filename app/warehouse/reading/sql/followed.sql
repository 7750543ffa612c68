-- In one row: the packages of a store that holds some, the dimensions of each that have not been fetched yet, and the
-- packages that the source did not have lately.
SELECT
    groupArrayIf(project, newest = 'followed') AS packages,
    groupArrayIf(incomplete, newest = 'followed') AS incomplete_dimensions,
    groupArrayIf(project, newest = 'unknown' AND since >= {unknown_since:DateTime64(3)}) AS unknown
FROM
(
    SELECT project, argMax(state, at) AS newest, argMax(followed.incomplete, at) AS incomplete, max(at) AS since
    FROM followed
    WHERE load <= {newest_load:UInt32}
      AND (state != 'followed' OR load IN (SELECT load FROM loads WHERE state = 'added'))
      AND load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
    GROUP BY project
)
