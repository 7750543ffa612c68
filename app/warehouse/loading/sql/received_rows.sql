-- How many raw events of a load were received.
SELECT count() FROM incoming WHERE load = {load:UInt32}
