-- Raw events that were sent to a server and are not counted yet, by load and by file of the load. Each load's are
-- removed at its end.
CREATE TABLE IF NOT EXISTS incoming{{local}}{{on_cluster}}
(
    load          UInt32,
    file          UInt32,
    day           Nullable(Date32),
    raw_project   Nullable(String),
    raw_country   LowCardinality(Nullable(String)),
    raw_version   LowCardinality(Nullable(String)),
    raw_file_type LowCardinality(Nullable(String)),
    raw_installer LowCardinality(Nullable(String)),
    raw_python    LowCardinality(Nullable(String)),
    raw_system    LowCardinality(Nullable(String)),
    downloads     UInt64
)
ENGINE = {{sharded}}
PARTITION BY load
ORDER BY file
-- Replicas would drop a block that is equal to an earlier one; two equal blocks of downloads are two.
SETTINGS replicated_deduplication_window = 0
