-- Stop what still runs for a load, wherever it does, and wait until it has stopped.
KILL QUERY{{on_cluster}} WHERE Settings['log_comment'] = {comment:String} SYNC
