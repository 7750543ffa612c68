-- Rows read and rows written so far by the statement that runs under this comment, and its peak memory in bytes.
SELECT read_rows, written_rows, peak_memory_usage FROM system.processes WHERE Settings['log_comment'] = {comment:String}
