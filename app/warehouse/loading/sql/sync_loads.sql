-- Wait until every node has the whole journal.
SYSTEM SYNC REPLICA{{on_cluster}} loads
