-- Wait until every replica has all rows.
SYSTEM SYNC REPLICA{{on_cluster}} incoming{{local}}
