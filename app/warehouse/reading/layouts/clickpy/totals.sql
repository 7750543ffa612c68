-- In one row: dimensions, categories, and the downloads of each over a window. What is subtracted is subtracted day by
-- day, as in the series, so that these are their sums. Keys: as the files of the dimensions say.
SELECT groupArray(dimension), groupArray(category), groupArray(downloads)
FROM
(
    SELECT dimension, category, sum(left) AS downloads
    FROM
    (
        SELECT dimension, category, date, toUInt64(greatest(sum(downloads), 0)) AS left
        FROM
        (
            SELECT 'overall' AS dimension, category, date, downloads FROM ({{series/overall}})
            UNION ALL
            SELECT 'system', category, date, downloads FROM ({{series/system}})
            UNION ALL
            SELECT 'python_major', category, date, downloads FROM ({{series/python_major}})
            UNION ALL
            SELECT 'python_minor', category, date, downloads FROM ({{series/python_minor}})
            UNION ALL
            SELECT 'installer', category, date, downloads FROM ({{series/installer}})
        )
        WHERE dimension IN {dimensions:Array(String)}
        GROUP BY dimension, category, date
        HAVING left > 0
    )
    GROUP BY dimension, category
)
