-- What was loaded, as a journal: rows are only ever added. A load is one ingest call. Its first row ('started', with
-- no date) announces it; one insert of a 'published' row for each of its days publishes them all at one instant;
-- 'swept' says that rows which no longer count are gone from the other tables.
CREATE TABLE IF NOT EXISTS loads{{on_cluster}}
(
    load    UInt32,
    date    Date,
    state   Enum8('started' = 1, 'published' = 2, 'swept' = 3),
    at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    source  String,
    events  UInt64,
    dropped UInt64,
    rows    UInt64,
    -- versions grow with the load, then the day
    version UInt64 ALIAS bitOr(bitShiftLeft(toUInt64(load), 16), toUInt64(toUInt16(date)))
)
ENGINE = {{everywhere}}
ORDER BY (load, date, state)
