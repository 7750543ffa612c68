-- Packages of a source by downloads, one row a ranking: 'top', or 'search ' and the start of the names. The columns are
-- of equal length; downloads are without mirrors, in windows that end with `day`: the last day, week and month, and the
-- weeks before the last one that it is compared with.
CREATE TABLE IF NOT EXISTS rankings{{on_cluster}}
(
    kind       String,
    at         DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    day        Date,
    packages   Array(String),
    last_day   Array(UInt64),
    last_week  Array(UInt64),
    last_month Array(UInt64),
    before     Array(UInt64)
)
ENGINE = {{everywhere}}
ORDER BY (kind, at)
