-- A row if a process has looked for new days of the source since a time.
SELECT 1 FROM asked WHERE project = '' AND at > {since:DateTime64(3)} LIMIT 1
