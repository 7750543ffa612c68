-- In one row: packages that have downloads without mirrors in a window, and those of each.
-- Key: (project, version, date, installer).
SELECT groupArray(project), groupArray(downloads)
FROM
(
    SELECT project, toUInt64(sum(count)) AS downloads
    FROM pypi_downloads_per_day_by_version_by_installer_by_type
    WHERE project IN {projects:Array(String)}
      AND date BETWEEN {start:Date} AND {end:Date}
      AND {{without_mirrors}}
    GROUP BY project
)
