-- The downloads of packages in a window: package, dimension, and arrays of equal length: categories, the days of each in
-- order, and the downloads on each of them. A row for each package and dimension, whatever the length of the window: the
-- public role cuts results of 1,000 rows, without an error.
-- What is not counted without mirrors is subtracted from the category `null`, day by day: the log parser gives mirrors
-- neither a Python nor a system. That never leaves less than nothing.
-- No value is NULL here: '' stands for it.
SELECT project, dimension, groupArray(kept_category) AS categories, groupArray(counts.1) AS dates, groupArray(counts.2) AS downloads
FROM
(
    SELECT project, dimension, kept_category, arraySort(groupArray((date, left))) AS counts
    FROM
    (
        SELECT
            project,
            dimension,
            if(lengthUTF8(category) > 100, concat(substringUTF8(category, 1, 99), '…'), category) AS kept_category,
            date,
            toUInt64(greatest(sum(downloads), 0)) AS left
        FROM
        (
            -- Key: (project, date).
            SELECT project, 'overall' AS dimension, 'with_mirrors' AS category, date, count AS downloads
            FROM pypi_downloads_per_day
            WHERE project IN {packages:Array(String)} AND date BETWEEN {start:Date} AND {end:Date}
              AND has({dimensions:Array(String)}, 'overall')
            UNION ALL
            -- Key: (project, version, date, installer). By installer, so that mirrors are left out exactly.
            SELECT project, counted.1, counted.2, date, counted.3
            FROM
            (
                SELECT
                    project,
                    date,
                    installer NOT IN ('', 'bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi') AS without_mirrors,
                    [
                        ('installer', if(installer = '', 'null', installer), count),
                        ('overall', 'without_mirrors', without_mirrors ? count : 0),
                        (
                            'origin',
                            -- The tables do not have what a client says of CI.
                            multiIf(
                                installer IN ({{list:mirrors}}), 'mirror',
                                installer IN ({{list:installers}}), 'installer',
                                installer IN ({{list:browsers}}), 'browser',
                                installer IN ({{list:others}}), 'other',
                                'null'
                            ),
                            count
                        ),
                        ('version', if(version = '', 'null', version), without_mirrors ? count : 0),
                        ('python_major', 'null', without_mirrors ? 0 : -count),
                        ('python_minor', 'null', without_mirrors ? 0 : -count),
                        ('system', 'null', without_mirrors ? 0 : -count)
                    ] AS counts
                FROM pypi_downloads_per_day_by_version_by_installer_by_type
                WHERE project IN {packages:Array(String)} AND date BETWEEN {start:Date} AND {end:Date}
                  AND hasAny(
                      {dimensions:Array(String)},
                      ['overall', 'installer', 'origin', 'version', 'python_major', 'python_minor', 'system']
                  )
            )
            ARRAY JOIN arrayFilter(c -> has({dimensions:Array(String)}, c.1) AND c.3 != 0, counts) AS counted
            UNION ALL
            -- Key: (project, version, date, python_minor). What is no Python version is dropped, here alone: only this
            -- table has it.
            SELECT project, counted.1, counted.2, date, count
            FROM
            (
                SELECT
                    project,
                    date,
                    count,
                    if(python_minor = '', 'null', extract(python_minor, '^[0-9][.][0-9]+')) AS minor,
                    [('python_minor', minor), ('python_major', minor = 'null' ? 'null' : substring(minor, 1, 1))] AS counts
                FROM pypi_downloads_per_day_by_version_by_python
                WHERE project IN {packages:Array(String)} AND date BETWEEN {start:Date} AND {end:Date}
                  AND hasAny({dimensions:Array(String)}, ['python_major', 'python_minor'])
                  AND minor != ''
            )
            ARRAY JOIN arrayFilter(c -> has({dimensions:Array(String)}, c.1), counts) AS counted
            UNION ALL
            -- Key: (project, version, date, system).
            SELECT
                project,
                'system',
                multiIf(system = '', 'null', system IN ('Windows', 'Linux', 'Darwin'), system, 'other'),
                date,
                count
            FROM pypi_downloads_per_day_by_version_by_system
            WHERE project IN {packages:Array(String)} AND date BETWEEN {start:Date} AND {end:Date}
              AND has({dimensions:Array(String)}, 'system')
            UNION ALL
            -- Key: (project, version, date, country_code, installer, type). The table of countries has no installers, and
            -- mirrors do have countries: this one leaves them out exactly. …_by_installer_by_type does not have every
            -- type: `type` is not in its key, so merges, which add up rows of equal keys, keep any one of their types.
            SELECT project, counted.1, counted.2, date, count
            FROM
            (
                SELECT
                    project,
                    date,
                    count,
                    [
                        ('country', if(country_code = '', 'null', upper(country_code))),
                        ('file_type', if(type = '', 'null', toString(type)))
                    ] AS counts
                FROM pypi_downloads_per_day_by_version_by_installer_by_type_by_country
                WHERE project IN {packages:Array(String)} AND date BETWEEN {start:Date} AND {end:Date}
                  AND hasAny({dimensions:Array(String)}, ['country', 'file_type'])
                  AND installer NOT IN ('', 'bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi')
            )
            ARRAY JOIN arrayFilter(c -> has({dimensions:Array(String)}, c.1), counts) AS counted
        )
        GROUP BY project, dimension, kept_category, date
        HAVING left > 0
    )
    GROUP BY project, dimension, kept_category
)
GROUP BY project, dimension
