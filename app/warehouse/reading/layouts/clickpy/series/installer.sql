-- Key: (project, version, date, installer).
SELECT if(installer = '', 'null', installer) AS category, date, count AS downloads
FROM pypi_downloads_per_day_by_version_by_installer_by_type
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
