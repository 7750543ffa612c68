-- The newest ranking of a kind: packages, and their downloads on the last day, in the last week, in the last month, and
-- in the weeks before the last one.
SELECT packages, last_day, last_week, last_month, before
FROM rankings
WHERE kind = {kind:String}
ORDER BY at DESC
LIMIT 1
