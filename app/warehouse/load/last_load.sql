-- The number of the last load that was announced, 0 where there is none.
SELECT max(load) FROM loads
