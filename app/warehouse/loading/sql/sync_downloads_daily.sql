-- Wait until every replica has all rows.
SYSTEM SYNC REPLICA{{on_cluster}} downloads_daily{{local}}
