-- The raw events of files that come with the statement, or of a URL. The placeholder is a query for them. (What is sent
-- with data has no parameters: the driver writes the load's number in.)
INSERT INTO incoming (load, file, day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python, raw_system,
    raw_ci, raw_cpu, raw_libc, raw_libc_version, raw_distro, raw_distro_version, raw_implementation, raw_installer_version, raw_filename, downloads)
SELECT
    %(load)s, file_number, day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python,
    raw_system, raw_ci, raw_cpu, raw_libc, raw_libc_version, raw_distro, raw_distro_version, raw_implementation, raw_installer_version, raw_filename, downloads
FROM
(
    {{raw_events}}
)
WHERE throwIf((SELECT max(load) FROM loads) != %(load)s, 'another writer has taken the lease') = 0
