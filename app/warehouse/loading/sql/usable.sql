-- A row if there is an event that counts anywhere. The placeholder is events.sql over one file.
SELECT 1 FROM ({{events}}) WHERE usable LIMIT 1
