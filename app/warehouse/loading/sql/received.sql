-- The raw events that were received of some files of a load.
SELECT day, raw_project, raw_country, raw_version, raw_file_type, raw_installer, raw_python, raw_system, downloads
FROM incoming
WHERE load = {load:UInt32} AND file IN {files:Array(UInt32)}
