-- When a package of a store that holds some was asked for; the package '' is a look for new days of its source.
CREATE TABLE IF NOT EXISTS asked{{on_cluster}}
(
    project String,
    at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = {{everywhere}}
ORDER BY (project, at)
