-- What each event counts as. The definitions are pypistats.org's own; docs/architecture.md states them.
-- `usable` is false for an event that counts nowhere: its Python is malformed, or no package can have its name.
SELECT
    source,
    day,
    toDate(assumeNotNull(day)) AS date,
    downloads,
    translate(lower(ifNull(raw_project, '')), '_.', '--') AS dashed,
    if(position(dashed, '--') = 0, dashed, replaceRegexpAll(dashed, '-{2,}', '-')) AS normalised_project,
    match(normalised_project, '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$') AND length(normalised_project) <= 200 AS has_project,
    ifNull(extract(raw_python, '^[0-9][.][0-9]+'), 'null') AS python_minor,
    if(python_minor = 'null', 'null', substring(python_minor, 1, 1)) AS python_major,
    has_project AND python_minor != '' AS usable,
    if(usable, normalised_project, '') AS project,
    -- NULL NOT IN (…) is NULL in the definitions: an unknown installer is not counted without mirrors.
    raw_installer IS NOT NULL
        AND ifNull(raw_installer, '') NOT IN ('bandersnatch', 'z3c.pypimirror', 'Artifactory', 'devpi') AS without_mirrors,
    ifNull(raw_installer, 'null') AS installer,
    multiIf(raw_system IS NULL, 'null', raw_system IN ('Windows', 'Linux', 'Darwin'), raw_system, 'other') AS system,
    ifNull(raw_version, 'null') AS release,
    if(raw_country IS NULL, 'null', upper(raw_country)) AS country,
    ifNull(raw_file_type, 'null') AS file_type
FROM
(
    {{raw_events}}
)
