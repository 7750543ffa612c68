-- The packages whose rows of a day were fetched with a load, while the day is not completed.
CREATE TABLE IF NOT EXISTS fetched_days{{on_cluster}}
(
    date     Date,
    load     UInt32,
    packages Array(String)
)
ENGINE = {{everywhere}}
ORDER BY (date, load)
