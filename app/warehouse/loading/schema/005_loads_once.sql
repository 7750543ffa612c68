-- An insert whose insert_deduplication_token was used before is dropped. So of several writers one alone gets a load's
-- number, and a load is either published or abandoned (app/warehouse/loading/journal.py).
ALTER TABLE loads{{on_cluster}} MODIFY SETTING
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 2592000
