-- Removes all rows of packages that are not followed.
ALTER TABLE downloads_daily{{local}}{{on_cluster}} DELETE WHERE project IN {packages:Array(String)} SETTINGS mutations_sync = 2
