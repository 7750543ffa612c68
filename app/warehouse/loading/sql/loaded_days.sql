-- The days that are published.
SELECT DISTINCT date FROM loads WHERE state = 'published' ORDER BY date
