-- Stop the statements that run under these comments.
KILL QUERY WHERE Settings['log_comment'] LIKE {comment:String} SYNC
