-- Wait until every node has all rows about days that are not completed.
SYSTEM SYNC REPLICA{{on_cluster}} fetched_days
