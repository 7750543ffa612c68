-- The newest ranking of a kind, or one that has all packages of it and more: its day, packages, and their downloads on the
-- last day, in the last week, in the last month, and in the weeks before the last one. A shorter prefix whose ranking was not cut
-- has all packages of a longer one.
SELECT day, packages, last_day, last_week, last_month, before
FROM rankings
WHERE kind = {kind:String} OR (kind IN {wider:Array(String)} AND length(packages) < {cut_at:UInt32})
ORDER BY length(kind) DESC, at DESC
LIMIT 1
