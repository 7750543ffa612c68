-- Reads all columns of the input; any may be the one that cannot be. The placeholder is its raw events.
SELECT count() FROM ({{raw_events}}) WHERE NOT ignore(*)
