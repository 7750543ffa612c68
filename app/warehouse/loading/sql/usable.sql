-- The files that have an event which counts anywhere; read until that many were found. The placeholder is events.sql.
-- It is one row, for what comes before an error in a result of several would be taken for the whole.
SELECT groupArray(source) FROM (SELECT DISTINCT source FROM ({{events}}) WHERE usable LIMIT {wanted:UInt32})
