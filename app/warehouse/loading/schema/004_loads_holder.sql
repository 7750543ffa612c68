-- Who has announced a load; and two more states: 'alive', a sign of life of the one who loads, and 'abandoned', said of
-- a load that will never be published.
-- The states of 010_loads_added.sql are among them: this file may be applied again after that one.
ALTER TABLE loads{{on_cluster}}
    ADD COLUMN IF NOT EXISTS holder String AFTER source,
    MODIFY COLUMN state Enum8('started' = 1, 'published' = 2, 'swept' = 3, 'alive' = 4, 'abandoned' = 5, 'added' = 6,
                              'completed' = 7, 'fetched' = 8)
