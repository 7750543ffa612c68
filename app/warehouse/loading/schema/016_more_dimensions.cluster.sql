-- On a cluster: the same of the table over all shards.
ALTER TABLE downloads_daily{{on_cluster}}
    MODIFY COLUMN dimension Enum8('dropped' = 0, 'overall' = 1, 'python_major' = 2, 'python_minor' = 3, 'system' =
                                  4, 'installer' = 5, 'version' = 6, 'country' = 7, 'file_type' = 8, 'origin' = 9,
                                  'cpu' = 10, 'libc' = 11, 'distro' = 12, 'implementation' = 13,
                                  'installer_version' = 14, 'platform' = 15, 'abi' = 16)
