-- The numbers of the files of schema/ that have been applied.
SELECT DISTINCT number FROM schema_versions ORDER BY number
