-- On a cluster: downloads_daily of all shards. All rows of a package are on one.
CREATE TABLE IF NOT EXISTS downloads_daily{{on_cluster}} AS downloads_daily_local
ENGINE = Distributed('{{cluster}}', '{{database}}', 'downloads_daily_local', cityHash64(project))
