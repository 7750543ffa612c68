-- Those of the packages of which the store may have rows, or leftovers of rows.
SELECT DISTINCT project
FROM followed
WHERE project IN {packages:Array(String)} AND state != 'unknown'
