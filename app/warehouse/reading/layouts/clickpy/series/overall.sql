-- Keys: (project, date); (project, version, date, installer).
SELECT 'with_mirrors' AS category, date, count AS downloads
FROM pypi_downloads_per_day
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
UNION ALL
SELECT 'without_mirrors', date, count
FROM pypi_downloads_per_day_by_version_by_installer_by_type
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND {{without_mirrors}}
