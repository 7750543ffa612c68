version <= {newest_version:UInt64} AND version NOT IN {dead:Array(UInt64)}
