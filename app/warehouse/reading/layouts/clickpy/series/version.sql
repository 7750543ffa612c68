-- Key: (project, version, date, installer). By installer, so that mirrors are left out of each release exactly.
SELECT if(version = '', 'null', version) AS category, date, count AS downloads
FROM pypi_downloads_per_day_by_version_by_installer_by_type
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND {{without_mirrors}}
