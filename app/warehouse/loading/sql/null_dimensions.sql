-- The dimensions in which a load has no category but null, or none at all.
SELECT arrayJoin(['country', 'version', 'file_type', 'installer', 'python_minor', 'system']) AS name
WHERE name NOT IN (
    SELECT DISTINCT toString(dimension)
    FROM downloads_daily
    WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64} AND category != 'null'
)
