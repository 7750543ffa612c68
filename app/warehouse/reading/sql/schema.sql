-- The number of the newest file of schema/ that has been applied to the tables.
SELECT max(number) FROM schema_versions
