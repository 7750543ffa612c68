-- How many rows the input has. The placeholder is its raw events.
SELECT count() FROM ({{raw_events}})
