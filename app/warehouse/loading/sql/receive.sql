-- The raw events of a file that follows the statement. The placeholder is the file's shape. (What is sent with data has
-- no parameters: the driver writes the two numbers in.)
INSERT INTO incoming (load, file, day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python, raw_system, downloads)
SELECT
    %(load)s, %(file)s, day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python,
    raw_system, downloads
FROM
(
    {{raw_events}}
)
WHERE throwIf((SELECT max(load) FROM loads) != %(load)s, 'another writer has taken the place') = 0
