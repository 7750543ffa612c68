-- The rows that the store keeps of one day (UTC): package, dimension, category, downloads. The rules are those of
-- loading/sql/events.sql and loading/sql/write_packages.sql; docs/architecture.md states them.
-- Billed are the columns that are named here, of the day's partition. Events that are equal in all of them are grouped
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
    COUNT(*) AS downloads
  FROM `{{table}}`
  WHERE timestamp >= @start AND timestamp < @end AND {{of_packages}}
  GROUP BY 1, 2, 3, 4, 5, 6, 7
),
named AS (
  SELECT *, IFNULL(LENGTH(normalised_project) <= 200, FALSE) AS has_project FROM events
),
judged AS (
  SELECT
    *,
    has_project AND python_minor IS NOT NULL AS usable,
    IF(python_minor = 'null', 'null', SUBSTR(python_minor, 1, 1)) AS python_major,
    IFNULL(raw_installer NOT IN ('bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi'), FALSE) AS without_mirrors
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
  ('file_type', file_type, usable AND without_mirrors)
]) AS part
WHERE part.counts AND part.dimension IN UNNEST(@dimensions)
GROUP BY 1, 2, 3
