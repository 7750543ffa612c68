-- How many rows there are of a load's versions.
SELECT
    (SELECT count() FROM downloads_daily WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64})
    + (SELECT count() FROM overall_daily WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64})
