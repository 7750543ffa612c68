-- The raw events that were received of a load's files from one to another.
SELECT
    toString(file) AS source, day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python,
    raw_system, raw_ci, raw_cpu, raw_libc, raw_libc_version, raw_distro, raw_distro_version, raw_implementation, raw_installer_version, raw_filename, downloads
FROM incoming
WHERE load = {load:UInt32} AND file BETWEEN {first:UInt32} AND {last:UInt32}
