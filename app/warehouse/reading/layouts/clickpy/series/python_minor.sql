-- Key: (project, version, date, python_minor). What is no Python version is dropped, here alone: only this table has it.
SELECT if(python_minor = '', 'null', extract(python_minor, '^[0-9][.][0-9]+')) AS category, date, count AS downloads
FROM pypi_downloads_per_day_by_version_by_python
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
  AND (python_minor = '' OR match(python_minor, '^[0-9][.][0-9]+'))
UNION ALL
{{not_counted}}
