-- Who has announced a load; and two more states: 'alive', a sign of life of the one who loads, and 'abandoned', said of
-- a load that will never be published.
ALTER TABLE loads{{on_cluster}}
    ADD COLUMN IF NOT EXISTS holder String AFTER source,
    MODIFY COLUMN state Enum8('started' = 1, 'published' = 2, 'swept' = 3, 'alive' = 4, 'abandoned' = 5)
