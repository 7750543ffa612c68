-- Removes what was kept of days that are completed.
ALTER TABLE fetched_days{{on_cluster}} DELETE WHERE date IN {days:Array(Date)} SETTINGS mutations_sync = 2
