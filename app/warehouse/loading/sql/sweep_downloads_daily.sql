-- Remove the rows of versions that count for nobody.
DELETE FROM downloads_daily{{local}}{{on_cluster}} WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
