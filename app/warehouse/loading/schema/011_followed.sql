-- The packages of a store that holds some, as a journal: rows are only ever added, and the newest of a package counts.
-- 'followed': the package's days up to `last` came with a load, but for the dimensions in `incomplete`; it counts if the
-- load does. 'unknown': the source did not have the package. 'unfollowed': its rows are being removed.
CREATE TABLE IF NOT EXISTS followed{{on_cluster}}
(
    project    String,
    state      Enum8('followed' = 1, 'unknown' = 2, 'unfollowed' = 3),
    at         DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    load       UInt32,
    last       Date,
    incomplete Array(LowCardinality(String))
)
ENGINE = {{everywhere}}
ORDER BY (project, at)
