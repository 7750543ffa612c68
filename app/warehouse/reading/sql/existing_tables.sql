-- One row: the names of the tables in the database by which a layout is known, or that one needs.
SELECT groupUniqArray(name)
FROM system.tables
WHERE database = currentDatabase() AND name IN {names:Array(String)}
