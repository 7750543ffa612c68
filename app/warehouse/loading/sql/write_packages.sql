-- One pass over the events writes every series of every package: each event becomes a row for each category that it
-- counts in, and those are summed. The placeholder is events.sql over the input.
-- Categories are what strangers have sent: those of more than 100 characters are cut, with a mark.
-- Of today only the number of downloads is written, as left out: no day is published before it is over.
-- Of `dimensions`, those whose columns the input has; it has those of the others in any case.
-- A day that may not be loaded stops the pass at once, and so does a newer load: its writer has taken the lease.
INSERT INTO downloads_daily (project, dimension, category, date, version, downloads)
SELECT
    package AS project,
    dimension,
    if(lengthUTF8(category) > 100, concat(substringUTF8(category, 1, 99), '…'), category) AS kept_category,
    date,
    bitOr({first_version:UInt64}, toUInt64(toUInt16(date))) AS version,
    sum(downloads)
FROM
(
    SELECT
        *,
        date = {today:Date32} AS is_today,
        usable AND NOT is_today AS counted,
        if(counted, project, '') AS package
    FROM
    (
        {{events}}
    )
    WHERE throwIf(
        isNull(day) OR day < {oldest:Date32} OR day > {today:Date32}
            OR (NOT {replace:Bool} AND day < {today:Date32} AND date IN ({{loaded_days}})),
        'a day that may not be loaded'
    ) = 0
        AND {{has_lease}}
)
ARRAY JOIN
    CAST(
        ['dropped', 'overall', 'overall', 'python_major', 'python_minor', 'system', 'installer', 'version',
         'country', 'file_type', 'origin', 'cpu', 'libc', 'distro', 'implementation', 'installer_version',
         'platform', 'abi'],
        'Array(Enum8(\'dropped\' = 0, \'overall\' = 1, \'python_major\' = 2, \'python_minor\' = 3, \'system\' = 4, \'installer\' = 5, \'version\' = 6, \'country\' = 7, \'file_type\' = 8, \'origin\' = 9, \'cpu\' = 10, \'libc\' = 11, \'distro\' = 12, \'implementation\' = 13, \'installer_version\' = 14, \'platform\' = 15, \'abi\' = 16))'
    ) AS dimension,
    [
        toLowCardinality(multiIf(is_today, 'today', has_project, 'python', 'name')),
        toLowCardinality('with_mirrors'),
        toLowCardinality('without_mirrors'),
        toLowCardinality(toString(python_major)),
        toLowCardinality(toString(python_minor)),
        toLowCardinality(toString(system)),
        toLowCardinality(toString(installer)),
        toLowCardinality(toString(release)),
        toLowCardinality(toString(country)),
        toLowCardinality(toString(file_type)),
        toLowCardinality(toString(origin)),
        toLowCardinality(toString(cpu)),
        toLowCardinality(toString(libc)),
        toLowCardinality(toString(distro)),
        toLowCardinality(toString(implementation)),
        toLowCardinality(toString(installer_version)),
        toLowCardinality(toString(platform)),
        toLowCardinality(toString(abi))
    ] AS category,
    [
        NOT counted,
        counted,
        counted AND without_mirrors,
        counted AND without_mirrors,
        counted AND without_mirrors,
        counted AND without_mirrors,
        counted,
        counted AND without_mirrors,
        counted AND without_mirrors,
        counted AND without_mirrors,
        counted AND has({dimensions:Array(String)}, 'origin'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'cpu'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'libc'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'distro'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'implementation'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'installer_version'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'platform'),
        counted AND without_mirrors AND has({dimensions:Array(String)}, 'abi')
    ] AS counts
WHERE counts AND downloads > 0
GROUP BY package, dimension, kept_category, date
