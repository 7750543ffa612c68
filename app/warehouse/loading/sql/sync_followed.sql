-- Wait until every node has all rows about followed packages.
SYSTEM SYNC REPLICA{{on_cluster}} followed
