-- The loads of which raw events are still there.
SELECT DISTINCT load FROM incoming
