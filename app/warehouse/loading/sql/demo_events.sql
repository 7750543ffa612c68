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
    nullIf(if(is_slice OR is_rare, concat(toString(pythons[python].1), '.', toString(pythons[python].2), '.', pythons[python].3), others[other].2), '') AS raw_python,
    if(is_slice OR is_rare, multiIf(system_share < 0.82, 'Linux', system_share < 0.91, 'Windows', system_share < 0.985, 'Darwin', 'FreeBSD'), NULL) AS raw_system,
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
        least(length(others), greatest(1, part - slices + 1)) AS other,
        modulo(part * 0.6180339887 + phase, 1.0) AS system_share,
        modulo(part * 0.4142135624 + phase, 1.0) AS installer_share,
        modulo(part * 0.7320508076 + phase, 1.0) AS country_share,
        modulo(part * 0.2360679775 + phase, 1.0) AS release_share,
        modulo(part * 0.6457513111 + phase, 1.0) AS type_share,
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
