-- Who has got the number of a load.
SELECT holder FROM loads WHERE load = {load:UInt32} AND state = 'started'
