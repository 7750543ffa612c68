-- Which files of this folder have been applied to these tables. Every node of a cluster has all rows.
CREATE TABLE IF NOT EXISTS schema_versions{{on_cluster}}
(
    number UInt16,
    name   String,
    at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = {{everywhere}}
ORDER BY number
