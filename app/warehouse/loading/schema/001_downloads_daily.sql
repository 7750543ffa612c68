-- Every series of every package. A request reads one contiguous run of rows: one project, one dimension.
-- `project` is a normalised name, `__all__` for the sum over all, '' for the events that were left out.
-- `version` says which load wrote the row; a reader counts only the rows of loads that are published (see loads).
CREATE TABLE IF NOT EXISTS downloads_daily{{local}}{{on_cluster}}
(
    project   String,
    dimension Enum8('dropped' = 0, 'overall' = 1, 'python_major' = 2, 'python_minor' = 3, 'system' = 4,
                    'installer' = 5, 'version' = 6, 'country' = 7, 'file_type' = 8),
    category  LowCardinality(String),
    date      Date CODEC(Delta, ZSTD),
    version   UInt64 CODEC(Delta, ZSTD),
    downloads UInt64 CODEC(T64, ZSTD),
    -- lets what asks for one load (its sums, its removal) pass over the parts of all others
    INDEX version_range version TYPE minmax GRANULARITY 1
)
ENGINE = {{sharded}}
PARTITION BY toYear(date)
ORDER BY (project, dimension, category, date, version)
-- Replicas would drop a block that is equal to an earlier one; two equal blocks of downloads are two.
SETTINGS replicated_deduplication_window = 0
