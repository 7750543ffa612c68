-- Package, downloads of a category: those with any in the window, most downloaded first, then by name.
SELECT
    project,
    sum(downloads) AS downloads
FROM overall_daily
WHERE date BETWEEN {start:Date} AND {end:Date}
  AND category = {category:String}
  AND {{rows}}
GROUP BY project
ORDER BY downloads DESC, project
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
