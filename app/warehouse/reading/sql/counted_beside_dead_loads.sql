{{counted}} AND bitShiftRight(version, 16) NOT IN {dead_loads:Array(UInt32)}
