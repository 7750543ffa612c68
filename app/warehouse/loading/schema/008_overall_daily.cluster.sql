-- On a cluster: overall_daily of all shards. All rows of a package are on one.
CREATE TABLE IF NOT EXISTS overall_daily{{on_cluster}} AS overall_daily_local
ENGINE = Distributed('{{cluster}}', '{{database}}', 'overall_daily_local', cityHash64(project))
