-- What each event counts as. The definitions are pypistats.org's own, and those of docs/architecture.md for the rest.
-- `usable` is false for an event that counts nowhere: its Python is malformed, or no package can have its name.
WITH
    '^[^.]*(?:[.][^.]*)?' AS two_numbers,
    -- What packaging.utils.parse_wheel_filename and parse_sdist_filename accept. A version has no dash in either.
    '(?i:\\s*v?([0-9]+!)?[0-9]+([.][0-9]+)*([._]?(alpha|a|beta|b|preview|pre|c|rc)[._]?[0-9]*)?([._]?(post|rev|r)[._]?[0-9]*)?([._]?dev[._]?[0-9]*)?([+][a-z0-9]+([._][a-z0-9]+)*)?\\s*)' AS a_version,
    '[\\pL_][\\pL\\pN_]*' AS an_interpreter,
    '[^-.]+([.][^-.]+)*' AS some_tags,
    concat(
        '^[\\pL\\pN_.]+-', a_version, '(-[0-9][^-]*)?-', an_interpreter, '([.]', an_interpreter, ')*-',
        some_tags, '-', some_tags, '[.]whl$'
    ) AS a_wheel,
    concat('^.+-', a_version, '[.](tar[.]gz|zip)$') AS an_sdist
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
    ifNull(raw_installer, '') IN ({{list:mirrors}}) AS is_mirror,
    -- NULL NOT IN (…) is NULL in the definitions: an unknown installer is not counted without mirrors.
    raw_installer IS NOT NULL AND NOT is_mirror AS without_mirrors,
    ifNull(raw_installer, 'null') AS installer,
    multiIf(raw_system IS NULL, 'null', raw_system IN ('Windows', 'Linux', 'Darwin'), raw_system, 'other') AS system,
    ifNull(raw_version, 'null') AS release,
    if(raw_country IS NULL, 'null', upper(raw_country)) AS country,
    ifNull(raw_file_type, 'null') AS file_type,
    multiIf(
        is_mirror, 'mirror',
        ifNull(raw_installer, '') IN ({{list:installers}}), if(lower(ifNull(raw_ci, '')) IN ('true', '1'), 'ci', 'installer'),
        ifNull(raw_installer, '') IN ({{list:browsers}}), 'browser',
        ifNull(raw_installer, '') IN ({{list:others}}), 'other',
        'null'
    ) AS origin,
    multiIf(
        raw_cpu IS NULL, 'null',
        raw_cpu IN ({{list:x86_64}}), 'x86_64',
        raw_cpu IN ({{list:arm64}}), 'arm64',
        raw_cpu IN ({{list:i686}}), 'i686',
        raw_cpu
    ) AS cpu,
    -- A version is empty if it is unknown, so that nothing follows the name.
    ifNull(trimRight(concat(raw_libc, ' ', extract(ifNull(raw_libc_version, ''), two_numbers))), 'null') AS libc,
    ifNull(raw_distro_version, '') AS distro_version,
    if(ifNull(raw_distro, '') IN ({{list:two_numbers}}), extract(distro_version, two_numbers), extract(distro_version, '^[^.]*')) AS distro_release,
    ifNull(trimRight(concat(raw_distro, ' ', distro_release)), 'null') AS distro,
    ifNull(raw_implementation, 'null') AS implementation,
    ifNull(trimRight(concat(raw_installer, ' ', extract(ifNull(raw_installer_version, ''), two_numbers))), 'null') AS installer_version,
    ifNull(raw_filename, '') AS filename,
    multiIf(
        raw_filename IS NULL, 'null',
        match(filename, a_wheel) AND position(substringIndex(filename, '-', 1), '__') = 0, 'wheel',
        match(filename, an_sdist), 'sdist',
        'other'
    ) AS file_kind,
    substringIndex(lowerUTF8(substring(filename, 1, length(filename) - 4)), '-', -2) AS tags,
    substringIndex(tags, '-', -1) AS platforms,
    substringIndex(tags, '-', 1) AS abis,
    multiIf(
        file_kind != 'wheel', file_kind,
        position(platforms, '.') = 0, platforms,
        arrayStringConcat(arraySort(arrayDistinct(splitByChar('.', platforms))), '.')
    ) AS platform,
    multiIf(
        file_kind != 'wheel', file_kind,
        position(abis, '.') = 0, abis,
        arrayStringConcat(arraySort(arrayDistinct(splitByChar('.', abis))), '.')
    ) AS abi
FROM
(
    {{raw_events}}
)
