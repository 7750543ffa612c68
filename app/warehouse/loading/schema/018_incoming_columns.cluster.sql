-- On a cluster: the same of the table over all shards.
ALTER TABLE incoming{{on_cluster}}
    ADD COLUMN IF NOT EXISTS raw_ci LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_cpu LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_libc LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_libc_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_distro LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_distro_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_implementation LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_installer_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_filename LowCardinality(Nullable(String))
