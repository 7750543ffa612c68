-- Rows read and rows written so far by the statement that runs under this comment, and how many days there are in what
-- its load has written.
SELECT
    read_rows,
    written_rows,
    (
        SELECT uniqExact(date) FROM downloads_daily WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
    ) AS days_written
FROM system.processes
WHERE Settings['log_comment'] = {comment:String}
