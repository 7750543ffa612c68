-- Why a file's days cannot be loaded: its unreadable dates, its last day, and those of its days that are published
-- already, where they are not to be replaced.
SELECT
    countIf(isNull(day) OR day < {oldest:Date32}),
    max(day),
    arraySort(
        groupUniqArrayIf(10)(
            assumeNotNull(day), NOT {replace:Bool} AND toDate(assumeNotNull(day)) IN ({{loaded_days}})
        )
    )
FROM
(
    {{raw_events}}
)
