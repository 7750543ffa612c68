-- A table of slots: a package has as many as its share of all downloads says, but one at least, so that a slot drawn
-- at random draws a package by its volume. The placeholder is a query for (project, downloads).
CREATE TABLE slots ENGINE = Memory AS
SELECT toUInt32(rowNumberInAllBlocks()) AS slot, toLowCardinality(project) AS project
FROM
(
    WITH (SELECT sum(downloads) FROM ({{volumes}})) AS total
    SELECT project, greatest(1, toUInt32(downloads / total * {slots:UInt32})) AS share FROM ({{volumes}})
)
ARRAY JOIN range(share) AS i
