-- In one row: packages that have any downloads without mirrors, and for each of them its downloads since the start of a
-- window, of the last month, of the last week, and in the days before that week that it is compared with.
-- Key: (project, version, date, installer).
SELECT
    groupArray(project),
    groupArray(in_window),
    groupArray(last_month),
    groupArray(last_week),
    groupArray(before_week)
FROM
(
    SELECT
        project,
        toUInt64(sumIf(count, date >= {start:Date})) AS in_window,
        toUInt64(sumIf(count, date >= {month:Date})) AS last_month,
        toUInt64(sumIf(count, date >= {week:Date})) AS last_week,
        toUInt64(sumIf(count, date BETWEEN {before_start:Date} AND {before_end:Date})) AS before_week
    FROM pypi_downloads_per_day_by_version_by_installer_by_type
    WHERE project IN {projects:Array(String)}
      AND date BETWEEN {first:Date} AND {end:Date}
      AND {{without_mirrors}}
    GROUP BY project
)
