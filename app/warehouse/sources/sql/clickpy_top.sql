-- The packages with the most downloads in the months of a window, mirrors included. Key: (month, project).
SELECT project
FROM pypi_downloads_per_month
WHERE month BETWEEN toStartOfMonth({month:Date}) AND {end:Date}
GROUP BY project
ORDER BY sum(count) DESC, project
LIMIT {limit:UInt32}
