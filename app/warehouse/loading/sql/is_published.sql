-- Whether a load is published, and not abandoned.
SELECT countIf(state IN ('published', 'added', 'fetched')) > 0 AND countIf(state = 'abandoned') = 0 FROM loads WHERE load = {load:UInt32}
