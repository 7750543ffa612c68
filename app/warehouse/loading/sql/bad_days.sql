-- Why the days of files cannot be loaded, a row a file: its unreadable dates, its last day, and those of its days that
-- are published already, where they are not to be replaced. All columns are read, for any may be what cannot be.
SELECT
    source,
    countIf(isNull(day) OR day < {oldest:Date32}),
    max(day),
    arraySort(
        groupUniqArrayIf(10)(
            assumeNotNull(day),
            NOT {replace:Bool} AND day < {today:Date32} AND toDate(assumeNotNull(day)) IN ({{loaded_days}})
        )
    )
FROM
(
    {{raw_events}}
)
WHERE NOT ignore(*)
GROUP BY source
