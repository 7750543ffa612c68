-- The overall rows of downloads_daily once more, by day: what ranks packages reads a few days of all packages.
CREATE TABLE IF NOT EXISTS overall_daily{{local}}{{on_cluster}}
(
    date      Date CODEC(Delta, ZSTD),
    project   String,
    category  LowCardinality(String),
    version   UInt64 CODEC(Delta, ZSTD),
    downloads UInt64 CODEC(T64, ZSTD),
    INDEX version_range version TYPE minmax GRANULARITY 1
)
ENGINE = {{sharded}}
PARTITION BY toYear(date)
ORDER BY (date, project, category, version)
-- Replicas would drop a block that is equal to an earlier one; two equal blocks of downloads are two.
SETTINGS replicated_deduplication_window = 0
