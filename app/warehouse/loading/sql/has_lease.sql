-- Part of each statement that writes rows of a load: it fails once there is a newer load, or this one was abandoned.
throwIf(
    (SELECT max(load) FROM loads) != {load:UInt32} OR {load:UInt32} IN (SELECT load FROM loads WHERE state = 'abandoned'),
    'another writer has taken the lease'
) = 0
