-- Key: (project, version, date, country_code, installer, type). The table of countries has no installers, and mirrors
-- do have countries: this one leaves them out exactly.
SELECT if(country_code = '', 'null', upper(country_code)) AS category, date, count AS downloads
FROM pypi_downloads_per_day_by_version_by_installer_by_type_by_country
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND {{without_mirrors}}
