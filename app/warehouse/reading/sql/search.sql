-- Package, downloads in the last month: those whose name begins with the prefix and that were downloaded in the window
-- at all, mirrors included; most downloaded first, then by name.
SELECT
    project,
    sumIf(downloads, category = 'without_mirrors' AND date >= {month:Date}) AS last_month
FROM overall_daily
WHERE date BETWEEN {start:Date} AND {end:Date}
  AND startsWith(project, {prefix:String})
  AND {{rows}}
GROUP BY project
ORDER BY last_month DESC, project
LIMIT {limit:UInt32}
