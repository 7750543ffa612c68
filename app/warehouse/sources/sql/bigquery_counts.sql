-- The rows that the store keeps of one day (UTC): package, dimension, category, downloads. The rules are those of
-- loading/sql/events.sql and loading/sql/write_packages.sql; docs/architecture.md states them.
-- Billed are the columns that are named here, of the day's partition; those in braces are NULL if no dimension of a load
-- needs them. Events that are equal in all of them are grouped
-- first, so that far fewer rows are multiplied by the dimensions than there are downloads.
-- The last placeholder is of_packages.sql, or TRUE for all packages. What is left out is counted of all packages alone.
WITH events AS (
  SELECT
    -- Checked before LOWER, which makes ASCII letters of some others.
    IF(
      REGEXP_CONTAINS(project, r'^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$'),
      REGEXP_REPLACE(LOWER(project), r'[-_.]+', '-'),
      NULL
    ) AS normalised_project,
    -- NULL if it is malformed.
    IF(details.python IS NULL, 'null', REGEXP_EXTRACT(details.python, r'^[0-9][.][0-9]+')) AS python_minor,
    details.installer.name AS raw_installer,
    CASE
      WHEN details.system.name IS NULL THEN 'null'
      WHEN details.system.name IN ('Windows', 'Linux', 'Darwin') THEN details.system.name
      ELSE 'other'
    END AS system,
    IFNULL(file.version, 'null') AS release,
    IFNULL(UPPER(country_code), 'null') AS country,
    IFNULL(file.type, 'null') AS file_type,
    CASE
      WHEN details.installer.name IN ({{list:mirrors}}) THEN 'mirror'
      WHEN details.installer.name IN ({{list:installers}}) THEN IF(IFNULL({{details.ci}}, FALSE), 'ci', 'installer')
      WHEN details.installer.name IN ({{list:browsers}}) THEN 'browser'
      WHEN details.installer.name IN ({{list:others}}) THEN 'other'
      ELSE 'null'
    END AS origin,
    CASE
      WHEN {{details.cpu}} IN ({{list:x86_64}}) THEN 'x86_64'
      WHEN {{details.cpu}} IN ({{list:arm64}}) THEN 'arm64'
      WHEN {{details.cpu}} IN ({{list:i686}}) THEN 'i686'
      ELSE IFNULL({{details.cpu}}, 'null')
    END AS cpu,
    -- A version is empty if it is unknown, so that nothing follows the name.
    IFNULL(
      RTRIM(CONCAT({{details.distro.libc.lib}}, ' ', IFNULL(REGEXP_EXTRACT({{details.distro.libc.version}}, r'^[^.]*(?:[.][^.]*)?'), '')), ' '),
      'null'
    ) AS libc,
    IFNULL(
      RTRIM(
        CONCAT(
          {{details.distro.name}},
          ' ',
          IFNULL(
            IF(
              {{details.distro.name}} IN ({{list:two_numbers}}),
              REGEXP_EXTRACT({{details.distro.version}}, r'^[^.]*(?:[.][^.]*)?'),
              REGEXP_EXTRACT({{details.distro.version}}, r'^[^.]*')
            ),
            ''
          )
        ),
        ' '
      ),
      'null'
    ) AS distro,
    IFNULL({{details.implementation.name}}, 'null') AS implementation,
    RTRIM(CONCAT(IFNULL(details.installer.name, 'null'), ' ', IFNULL(REGEXP_EXTRACT({{details.installer.version}}, r'^[^.]*(?:[.][^.]*)?'), '')), ' ') AS installer_version,
    -- The tags of a wheel; of any other file what it is. As in loading/sql/events.sql.
    CASE
      WHEN {{file.filename}} IS NULL THEN 'null'
      WHEN REGEXP_CONTAINS({{file.filename}}, r'^[\pL\pN_.]+-(?i:\s*v?([0-9]+!)?[0-9]+([.][0-9]+)*([._]?(alpha|a|beta|b|preview|pre|c|rc)[._]?[0-9]*)?([._]?(post|rev|r)[._]?[0-9]*)?([._]?dev[._]?[0-9]*)?([+][a-z0-9]+([._][a-z0-9]+)*)?\s*)(-[0-9][^-]*)?-[\pL_][\pL\pN_]*([.][\pL_][\pL\pN_]*)*-[^-.]+([.][^-.]+)*-[^-.]+([.][^-.]+)*[.]whl$') AND NOT REGEXP_CONTAINS({{file.filename}}, r'^[^-]*__')
        THEN REGEXP_EXTRACT(LOWER({{file.filename}}), r'-([^-]+-[^-]+)[.]whl$')
      WHEN REGEXP_CONTAINS({{file.filename}}, r'^.+-(?i:\s*v?([0-9]+!)?[0-9]+([.][0-9]+)*([._]?(alpha|a|beta|b|preview|pre|c|rc)[._]?[0-9]*)?([._]?(post|rev|r)[._]?[0-9]*)?([._]?dev[._]?[0-9]*)?([+][a-z0-9]+([._][a-z0-9]+)*)?\s*)[.](tar[.]gz|zip)$') THEN 'sdist'
      ELSE 'other'
    END AS tags,
    COUNT(*) AS downloads
  FROM `{{table}}`
  WHERE timestamp >= @start AND timestamp < @end AND {{of_packages}}
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
),
named AS (
  SELECT *, IFNULL(LENGTH(normalised_project) <= 200, FALSE) AS has_project FROM events
),
judged AS (
  SELECT
    *,
    has_project AND python_minor IS NOT NULL AS usable,
    IF(python_minor = 'null', 'null', SUBSTR(python_minor, 1, 1)) AS python_major,
    IFNULL(raw_installer NOT IN ({{list:mirrors}}), FALSE) AS without_mirrors,
    (
      SELECT STRING_AGG(tag, '.' ORDER BY tag)
      FROM (SELECT DISTINCT tag FROM UNNEST(SPLIT(REGEXP_EXTRACT(tags, r'[^-]+$'), '.')) AS tag)
    ) AS platform,
    (
      SELECT STRING_AGG(tag, '.' ORDER BY tag)
      FROM (SELECT DISTINCT tag FROM UNNEST(SPLIT(REGEXP_EXTRACT(tags, r'^[^-]+'), '.')) AS tag)
    ) AS abi
  FROM named
)
SELECT
  IF(usable, normalised_project, '') AS package,
  part.dimension AS dimension,
  IF(LENGTH(part.category) > 100, CONCAT(SUBSTR(part.category, 1, 99), '…'), part.category) AS category,
  SUM(downloads) AS downloads
FROM judged
CROSS JOIN UNNEST(ARRAY<STRUCT<dimension STRING, category STRING, counts BOOL>>[
  ('dropped', IF(has_project, 'python', 'name'), NOT usable AND @all_packages),
  ('overall', 'with_mirrors', usable),
  ('overall', 'without_mirrors', usable AND without_mirrors),
  ('python_major', python_major, usable AND without_mirrors),
  ('python_minor', python_minor, usable AND without_mirrors),
  ('system', system, usable AND without_mirrors),
  ('installer', IFNULL(raw_installer, 'null'), usable),
  ('version', release, usable AND without_mirrors),
  ('country', country, usable AND without_mirrors),
  ('file_type', file_type, usable AND without_mirrors),
  ('origin', origin, usable),
  ('cpu', cpu, usable AND without_mirrors),
  ('libc', libc, usable AND without_mirrors),
  ('distro', distro, usable AND without_mirrors),
  ('implementation', implementation, usable AND without_mirrors),
  ('installer_version', installer_version, usable AND without_mirrors),
  ('platform', platform, usable AND without_mirrors),
  ('abi', abi, usable AND without_mirrors)
]) AS part
WHERE part.counts AND part.dimension IN UNNEST(@dimensions)
GROUP BY 1, 2, 3
