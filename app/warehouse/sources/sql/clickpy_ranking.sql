-- In one row: packages, and their downloads without mirrors on the last day, in the last week, in the last month, and in
-- the weeks before the last one. The placeholder is the file that selects them.
-- Key: (project, version, date, installer).
WITH candidates AS
(
    {{candidates}}
)
SELECT groupArray(project), groupArray(on_last_day), groupArray(in_last_week), groupArray(in_last_month), groupArray(in_weeks_before)
FROM
(
    SELECT
        project,
        toUInt64(sumIf(count, date >= {day:Date})) AS on_last_day,
        toUInt64(sumIf(count, date >= {week:Date})) AS in_last_week,
        toUInt64(sumIf(count, date >= {month:Date})) AS in_last_month,
        toUInt64(sumIf(count, date BETWEEN {before_start:Date} AND {before_end:Date})) AS in_weeks_before
    FROM
    (
        SELECT project, date, count
        FROM pypi_downloads_per_day_by_version_by_installer_by_type
        WHERE project IN candidates
          AND date BETWEEN {first:Date} AND {end:Date}
          AND installer NOT IN ('', 'bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi')
        UNION ALL
        SELECT project, toDate(0), 0 FROM candidates
    )
    GROUP BY project
    ORDER BY in_last_month DESC, project
)
