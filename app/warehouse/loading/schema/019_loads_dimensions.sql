-- Which of the dimensions of 015_more_dimensions.sql a load has of a day: of a 'published' or a 'completed' row. `ci` is
-- among them if the origin `ci` was told from `installer`. A load that is older than this column has none.
ALTER TABLE loads{{on_cluster}} ADD COLUMN IF NOT EXISTS dimensions Array(LowCardinality(String))
