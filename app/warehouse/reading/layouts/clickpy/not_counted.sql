-- What is not counted without mirrors, to be subtracted from the category `null`: the log parser gives mirrors neither
-- a Python nor a system. Key: (project, version, date, installer).
SELECT 'null', date, -count
FROM pypi_downloads_per_day_by_version_by_installer_by_type
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND NOT {{without_mirrors}}
