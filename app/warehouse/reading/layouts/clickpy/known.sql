-- In one row: those of the packages that have been downloaded on any complete day. Key: (project, date).
SELECT groupUniqArray(project)
FROM pypi_downloads_per_day
WHERE project IN {projects:Array(String)} AND date <= {newest:Date}
