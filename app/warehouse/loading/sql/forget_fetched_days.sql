-- Remove what was kept of days that are completed.
DELETE FROM fetched_days{{on_cluster}} WHERE date IN {days:Array(Date)}
