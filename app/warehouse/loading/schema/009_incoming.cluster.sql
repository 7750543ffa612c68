-- On a cluster: incoming of all shards, evenly spread.
CREATE TABLE IF NOT EXISTS incoming{{on_cluster}} AS incoming_local
ENGINE = Distributed('{{cluster}}', '{{database}}', 'incoming_local', rand())
