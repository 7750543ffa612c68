-- Name, and the cluster where it is a table of several shards, of each table in the database.
SELECT name, if(engine = 'Distributed', extract(engine_full, '^Distributed\\(\'?(\\w+)'), '') AS cluster
FROM system.tables
WHERE database = currentDatabase()
