-- End the statements whose comment begins so, wherever they run, and wait until they have ended.
KILL QUERY{{on_cluster}} WHERE startsWith(Settings['log_comment'], {comment:String}) SYNC
