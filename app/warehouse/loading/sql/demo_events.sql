-- Synthetic download events, as raw events. The same day gives the same events, whenever and wherever it is made.
-- A row stands for many downloads, so that 200 packages have the volumes of the real thing in few rows. Each day of a
-- package is cut into 64 slices, along which installer, Python, system, country and release each take their shares in an
-- order of their own (multiples of irrational numbers spread evenly), which is the same every day, so that shares change
-- smoothly. The slices of a Python have its exact share together; a Python that is too rare for a slice has a row of its
-- own. The clients that say little of themselves have a row each, too.
WITH
    64 AS slices,
    ['pip', 'uv', 'poetry', 'pdm', 'setuptools'] AS installers,
    [(2, 7, '18'), (3, 6, '15'), (3, 7, '17'), (3, 8, '20'), (3, 9, '24'), (3, 10, '19'), (3, 11, '14'), (3, 12, '12'),
     (3, 13, '9'), (3, 14, '1'), (3, 15, '0rc1')] AS pythons,
    ['US', 'DE', 'IN', 'SG', 'IE', 'JP', 'GB', 'NL', 'FR', 'CN', 'CA', 'AU', 'BR', 'KR', 'FI', 'SE', 'HK', 'ES', 'PL',
     'IT', 'RU', 'ZA', 'IL', 'CH', 'TW', 'UA', 'MX', 'BE', 'AR', 'CZ'] AS countries,
    -- installer, Python, downloads in 10,000 of the day's, downloads at the least; the empty string is NULL
    [('bandersnatch', '', 4, 120), ('Artifactory', '', 90, 4), ('devpi', '', 6, 3), ('z3c.pypimirror', '', 1, 1),
     ('Nexus', '', 60, 2), ('pep381client', '', 1, 1), ('requests', '', 25, 2), ('Browser', '', 9, 3),
     ('conda', '', 20, 1), ('Homebrew', '', 5, 1), ('OS', '', 3, 1), ('maturin', '', 1, 1), ('Bazel', '', 12, 1),
     ('', '', 80, 5), ('', '2.7', 3, 1)] AS others
SELECT
    '' AS source,
    day,
    name AS raw_project,
    if(part % 23 = 7, NULL, countries[1 + toUInt32(length(countries) * pow(country_share, 3))]) AS raw_country,
    -- a release every `cadence` days; the share of each older one is smaller
    arrayStringConcat(arrayMap(n -> toString(n), [major, intDiv(release, 6), release % 6]), '.') AS raw_version,
    if(type_share < 0.93, 'bdist_wheel', 'sdist') AS raw_file_type,
    nullIf(multiIf(is_slice, installers[installer], is_rare, 'pip', others[other].1), '') AS raw_installer,
    nullIf(if(is_client, concat(toString(pythons[python].1), '.', toString(pythons[python].2), '.', pythons[python].3), others[other].2), '') AS raw_python,
    if(is_client, system, NULL) AS raw_system,
    -- CI is Linux; of what runs there, two thirds
    if(is_client AND system = 'Linux' AND part % 3 != 0, 'true', NULL) AS raw_ci,
    if(is_client, multiIf(system = 'Darwin', if(part % 5 = 0, 'x86_64', 'arm64'), system = 'Windows', 'AMD64', part % 7 = 2, 'aarch64', 'x86_64'), NULL) AS raw_cpu,
    if(is_client AND system = 'Linux', if(part % 11 = 5, 'musl', 'glibc'), NULL) AS raw_libc,
    if(raw_libc = 'musl', '1.2', ['2.17', '2.31', '2.35', '2.36', '2.39', '2.41'][1 + part % 6]) AS raw_libc_version,
    multiIf(
        NOT is_client, NULL,
        raw_libc = 'musl', 'Alpine Linux',
        system = 'Linux', ['CentOS Linux', 'Ubuntu', 'Ubuntu', 'Debian GNU/Linux', 'Ubuntu', 'Debian GNU/Linux'][1 + part % 6],
        system = 'Darwin', 'macOS',
        NULL
    ) AS raw_distro,
    multiIf(raw_libc = 'musl', '3.20.3', system = 'Darwin', if(part % 2 = 0, '15.6', '26.1'), ['7', '20.04', '22.04', '12', '24.04', '13'][1 + part % 6]) AS raw_distro_version,
    if(is_client, if(part = 50, 'PyPy', 'CPython'), NULL) AS raw_implementation,
    if(is_client, [['25.3', '25.2', '24.0', '23.0.1'], ['0.9.10', '0.9.5', '0.8.22', '0.7.2'], ['2.2.1', '2.1.4', '1.8.3', '1.8.3'],
        ['2.26.1', '2.26.0', '2.25.9', '2.24.2'], ['80.9.0', '75.1.0', '69.5.1', '65.5.0']][if(is_rare, 1, installer)][1 + part % 4], NULL) AS raw_installer_version,
    concat(replaceAll(name, '-', '_'), '-', raw_version, multiIf(
        raw_file_type = 'sdist', '.tar.gz',
        -- a third of the packages have no extension module
        fate % 3 = 0, '-py3-none-any.whl',
        concat(
            '-', multiIf(NOT is_client, 'cp313-cp313', fate % 3 = 1, 'cp39-abi3', python >= 9 AND part % 16 = 9, concat('cp3', toString(pythons[python].2), '-cp3', toString(pythons[python].2), 't'),
                concat('cp', toString(pythons[python].1), toString(pythons[python].2), '-cp', toString(pythons[python].1), toString(pythons[python].2))),
            '-', multiIf(
                NOT is_client, 'manylinux2014_x86_64.manylinux_2_17_x86_64',
                system = 'Darwin', if(raw_cpu = 'arm64', 'macosx_11_0_arm64', 'macosx_10_9_x86_64'),
                system = 'Windows', 'win_amd64',
                raw_libc = 'musl', if(raw_cpu = 'aarch64', 'musllinux_1_2_aarch64', 'musllinux_1_2_x86_64'),
                raw_cpu = 'aarch64', 'manylinux2014_aarch64.manylinux_2_17_aarch64',
                'manylinux2014_x86_64.manylinux_2_17_x86_64'
            ),
            '.whl'
        )
    )) AS raw_filename,
    multiIf(
        is_slice OR (is_rare AND slices_of_python = 0),
        toUInt64(greatest(1, round(of_day * python_share / greatest(1, slices_of_python)))),
        is_rare,
        0,
        toUInt64(others[other].4 + floor(of_day * others[other].3 / 10000))
    ) AS downloads
FROM
(
    SELECT
        *,
        part < slices AS is_slice,
        part >= slices + length(others) AS is_rare,
        is_slice OR is_rare AS is_client,
        least(length(others), greatest(1, part - slices + 1)) AS other,
        modulo(part * 0.6180339887 + phase, 1.0) AS system_share,
        modulo(part * 0.4142135624 + phase, 1.0) AS installer_share,
        modulo(part * 0.7320508076 + phase, 1.0) AS country_share,
        modulo(part * 0.2360679775 + phase, 1.0) AS release_share,
        modulo(part * 0.6457513111 + phase, 1.0) AS type_share,
        multiIf(system_share < 0.82, 'Linux', system_share < 0.91, 'Windows', system_share < 0.985, 'Darwin', 'FreeBSD') AS system,
        -- uv grows by a tenth of all downloads a year, from a sixth at the start of 2026
        multiIf(installer_share < 0.76 - 0.1 * years, 1, installer_share < 0.93, 2, installer_share < 0.98, 3,
                installer_share < 0.99, 4, 5) AS installer,
        if(is_rare, part - slices - length(others) + 1, python_of_slice[least(part, slices - 1) + 1]) AS python,
        countEqual(python_of_slice, python) AS slices_of_python,
        python_weights[python] / arraySum(python_weights) AS python_share,
        toUInt32(greatest(0, floor((toUInt32(day) - 18000 + offset) / cadence) - floor(-2.5 * log(1 - release_share)))) AS release
    FROM
    (
        SELECT
            *,
            (toInt32(toUInt16(day)) - toInt32(toUInt16(toDate('2026-01-01')))) / 365.25 AS years,
            -- each minor is a wave in time; conservative packages run a little behind
            arrayMap(p -> if(p.1 = 2, 0.004, exp(-pow((p.2 - 12.1 - years + behind) / 1.7, 2))), pythons) AS python_weights,
            arrayMap(
                slice -> toUInt32(arrayFirstIndex(
                    sum -> sum >= (slice + phase) / slices * arraySum(python_weights), arrayCumSum(python_weights))),
                range(slices)
            ) AS python_of_slice,
            sipHash64(name, day) AS chance,
            (intDiv(fate, 100000000000) % 1000) / 1000 AS phase,
            volume
                * if(toDayOfWeek(day) >= 6, weekend, 1.0)
                * exp(growth * years)
                * (0.94 + 0.12 * (intDiv(chance, 1000) % 1000) / 1000)
                * if(age IS NULL, 1.0, 1 - exp(-(toInt32(age) - dateDiff('day', day, toDate({last:Date}))) / 20)) AS of_day
        FROM
        (
            SELECT
                package.1 AS name,
                package.2 AS volume,
                if(package.3 = 0, NULL, package.3) AS age,
                sipHash64(name) AS fate,
                0.45 + 0.2 * (fate % 100) / 100 AS weekend,
                -0.25 + 1.1 * (intDiv(fate, 100) % 100) / 100 AS growth,
                1.2 * (intDiv(fate, 10000) % 100) / 100 AS behind,
                intDiv(fate, 1000000) % 5 AS major,
                15 + intDiv(fate, 10000000) % 60 AS cadence,
                intDiv(fate, 1000000000) % 300 AS offset
            FROM (SELECT arrayJoin({packages:Array(Tuple(String, UInt64, UInt16))}) AS package)
        ) AS packages
        CROSS JOIN (SELECT toDate32(arrayJoin({days:Array(Date)})) AS day) AS days
        WHERE age IS NULL OR dateDiff('day', day, toDate({last:Date})) < age
    ) AS packages_and_days
    CROSS JOIN (SELECT toInt32(number) AS part FROM numbers(90)) AS parts  -- 64 slices, 15 others, 11 Pythons
)
WHERE downloads > 0
