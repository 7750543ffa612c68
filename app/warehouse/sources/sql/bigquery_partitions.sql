-- The days of which the table has rows, as 20261120. It reads metadata only: 10 MB are billed, the least of any query.
-- Rows that BigQuery has not sorted into partitions yet are in a partition called __UNPARTITIONED__.
SELECT DISTINCT partition_id
FROM `{{dataset}}.INFORMATION_SCHEMA.PARTITIONS`
WHERE table_name = @table AND total_rows > 0 AND REGEXP_CONTAINS(partition_id, r'^[0-9]{8}$')
ORDER BY partition_id
