-- Remove all rows of packages that are not followed.
DELETE FROM overall_daily{{local}}{{on_cluster}} WHERE project IN {packages:Array(String)}
