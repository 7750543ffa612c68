-- The queries of this interval, how many there may be, and when it ends. This query is free.
SELECT queries, max_queries, end_time
FROM system.quota_usage
WHERE max_queries > 0
ORDER BY max_queries - queries
LIMIT 1
