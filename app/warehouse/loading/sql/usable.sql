-- The files that have an event which counts anywhere; read until that many were found. The placeholder is events.sql.
SELECT DISTINCT source FROM ({{events}}) WHERE usable LIMIT {wanted:UInt32}
