-- How many downloads the input holds. The placeholder is its raw events.
SELECT sum(downloads) FROM ({{raw_events}})
