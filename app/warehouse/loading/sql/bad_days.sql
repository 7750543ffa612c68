-- Why a file's days cannot be loaded: its unreadable dates, its last day, and those of its days that are
-- among the given ones.
SELECT
    countIf(isNull(day) OR day < {oldest:Date32}),
    max(day),
    arraySort(groupUniqArrayIf(10)(assumeNotNull(day), has({refused:Array(Date32)}, assumeNotNull(day))))
FROM
(
    {{raw_events}}
)
