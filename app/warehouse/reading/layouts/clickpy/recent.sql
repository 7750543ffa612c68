-- In one row: packages that have any downloads in the last month, and for each of them its downloads on the last day,
-- in the last week, in the last month. Reads one of the two tables: the other's condition is false without looking.
-- Keys: (project, date); (project, version, date, installer).
SELECT groupArray(project), groupArray(last_day), groupArray(last_week), groupArray(last_month)
FROM
(
    SELECT
        project,
        toUInt64(sumIf(count, date >= {day:Date})) AS last_day,
        toUInt64(sumIf(count, date >= {week:Date})) AS last_week,
        toUInt64(sum(count)) AS last_month
    FROM
    (
        SELECT project, date, count
        FROM pypi_downloads_per_day
        WHERE {category:String} = 'with_mirrors'
          AND project IN {projects:Array(String)}
          AND date BETWEEN {month:Date} AND {end:Date}
        UNION ALL
        SELECT project, date, count
        FROM pypi_downloads_per_day_by_version_by_installer_by_type
        WHERE {category:String} = 'without_mirrors'
          AND project IN {projects:Array(String)}
          AND date BETWEEN {month:Date} AND {end:Date}
          AND {{without_mirrors}}
    )
    GROUP BY project
)
