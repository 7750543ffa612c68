-- Key: (project, version, date, country_code, installer, type). …_by_installer_by_type will not do: `type` is not in its
-- key, so that merges, which add up rows of equal keys, keep any one of their types.
SELECT if(type = '', 'null', type) AS category, date, count AS downloads
FROM pypi_downloads_per_day_by_version_by_installer_by_type_by_country
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND {{without_mirrors}}
