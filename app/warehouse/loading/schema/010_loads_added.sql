-- More states, of loads into a store that holds some packages. 'added': the load counts beside all others. 'completed': the
-- packages of the store have the rows of this day. 'fetched': the load's rows wait for those of other packages, and do not
-- count before it is 'added'.
ALTER TABLE loads{{on_cluster}}
    MODIFY COLUMN state Enum8('started' = 1, 'published' = 2, 'swept' = 3, 'alive' = 4, 'abandoned' = 5, 'added' = 6,
                              'completed' = 7, 'fetched' = 8)
