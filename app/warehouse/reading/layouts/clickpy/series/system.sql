-- Key: (project, version, date, system).
SELECT
    multiIf(system = '', 'null', system IN ('Windows', 'Linux', 'Darwin'), system, 'other') AS category,
    date,
    count AS downloads
FROM pypi_downloads_per_day_by_version_by_system
WHERE project = {project:String} AND date BETWEEN {start:Date} AND {end:Date}
UNION ALL
{{not_counted}}
