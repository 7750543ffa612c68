-- Stop the statements that run under these comments.
KILL QUERY{{on_cluster}} WHERE Settings['log_comment'] LIKE {comment:String} SYNC
