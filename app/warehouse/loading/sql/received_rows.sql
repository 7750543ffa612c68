-- How many raw events of a load were received, and of how many downloads.
SELECT count(), sum(downloads) FROM incoming WHERE load = {load:UInt32}
