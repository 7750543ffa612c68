-- Remove the rows of versions that no reader counts.
DELETE FROM downloads_daily{{local}}{{on_cluster}} WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
