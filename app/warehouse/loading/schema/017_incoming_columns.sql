-- The columns that the dimensions of 015_more_dimensions.sql are counted from.
ALTER TABLE incoming{{local}}{{on_cluster}}
    ADD COLUMN IF NOT EXISTS raw_ci LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_cpu LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_libc LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_libc_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_distro LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_distro_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_implementation LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_installer_version LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS raw_filename LowCardinality(Nullable(String))
