-- Remove the raw events of a load.
ALTER TABLE incoming{{local}}{{on_cluster}} DROP PARTITION {load:UInt32}
