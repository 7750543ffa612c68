-- The rows of some packages, for counts.sql. It compares the column itself, with nothing around it, because the table is
-- clustered by it: only so are the blocks of other packages not read. PyPI's table has normalised names.
project IN UNNEST(@projects)
