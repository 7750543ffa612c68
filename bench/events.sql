-- One day's download events, in the shape of BigQuery's file_downloads. Everything follows from the number of the event
-- by hashes. Each list below has its values as often as they are likely; mirrors and unknown clients report no Python
-- and no system, as PyPI's own log parser has it.
INSERT INTO FUNCTION file(
    {location:String}, 'Parquet',
    'timestamp DateTime64(6, \'UTC\'), country_code Nullable(String), url String, project String,
     file Tuple(filename String, project String, version String, type String),
     details Tuple(installer Tuple(name Nullable(String), version Nullable(String)), python Nullable(String),
         implementation Tuple(name Nullable(String)), system Tuple(name Nullable(String), release Nullable(String)),
         cpu Nullable(String), ci Nullable(Bool),
         distro Tuple(name Nullable(String), version Nullable(String), libc Tuple(lib Nullable(String), version Nullable(String))))'
)
WITH
    ['US', 'CN', 'DE', 'IN', 'GB', 'FR', 'JP', 'CA', 'NL', 'SG', 'IE', 'BR', 'KR', 'AU', 'RU', 'HK', 'SE', 'FI', 'PL', 'IT',
     'ES', 'BE', 'CH', 'TW', 'IL', 'ZA', 'MX', 'AT', 'CZ', 'DK', 'NO', 'UA', 'ID', 'VN', 'TH', 'TR', 'AR', 'CL', 'CO', 'PT',
     'RO', 'HU', 'GR', 'BG', 'LT', 'LV', 'EE', 'SK', 'SI', 'HR', 'NZ', 'MY', 'PH', 'PK', 'BD', 'NG', 'KE', 'EG', 'SA', 'AE'
    ] AS countries,
    arrayConcat(
        arrayWithConstant(60, 'pip'), arrayWithConstant(21, 'uv'), arrayWithConstant(4, 'poetry'),
        arrayWithConstant(3, 'bandersnatch'), arrayWithConstant(4, NULL),
        ['requests', 'Browser', 'Nexus', 'pdm', 'setuptools', 'Artifactory', 'devpi', 'z3c.pypimirror']
    ) AS installers,
    ['3.8', '3.9', '3.9', '3.10', '3.10', '3.10', '3.11', '3.11', '3.11', '3.11', '3.12', '3.12', '3.12', '3.12', '3.12',
     '3.13', '3.13', '3.13', '3.7', '3.6', '3.14', '2.7'] AS minors,
    ['Linux', 'Linux', 'Linux', 'Linux', 'Linux', 'Linux', 'Linux', 'Linux', 'Darwin', 'Windows', 'FreeBSD'] AS systems,
    -- name, version, glibc; as often as they are likely
    [('Debian GNU/Linux', '12', '2.36'), ('Debian GNU/Linux', '12', '2.36'), ('Debian GNU/Linux', '13', '2.41'), ('Ubuntu', '22.04', '2.35'),
     ('Ubuntu', '22.04', '2.35'), ('Ubuntu', '24.04', '2.39'), ('Ubuntu', '24.04', '2.39'), ('Ubuntu', '24.04', '2.39'), ('Ubuntu', '20.04', '2.31'),
     ('Amazon Linux', '2023', '2.34'), ('Amazon Linux', '2', '2.26'), ('Red Hat Enterprise Linux', '9.4', '2.34')] AS distros,
    e AS (SELECT number, sipHash64({day:Date}, number) AS dice, toUInt32(dice % {slots:UInt32}) AS slot FROM numbers({events:UInt64})),
    p AS
    (
        SELECT
            number,
            slots.project AS project,
            cityHash64(dice, 1) AS a,
            cityHash64(dice, 2) AS b,
            installers[1 + a % length(installers)] AS installer,
            ifNull(installer IN ('bandersnatch', 'Nexus', 'Artifactory', 'devpi', 'z3c.pypimirror', 'Browser'), 1) AS silent,
            -- from 1 to 120 releases, the newest of them most downloaded
            1 + cityHash64(project) % 120 AS releases,
            toUInt32(releases * pow(b % 1000 / 1000, 4)) AS age,
            concat(toString(1 + intDiv(releases - age, 20)), '.', toString(intDiv(releases - age, 4) % 5), '.',
                toString((releases - age) % 4)) AS version,
            intDiv(b, 1000) % 10 < 8 AS wheel,
            systems[1 + intDiv(b, 1000000000000) % length(systems)] AS system,
            minors[1 + intDiv(b, 100000000) % length(minors)] AS minor,
            intDiv(a, 10000000000) % 100 AS c,
            -- of what runs on Linux, two thirds are CI and nine tenths x86_64
            system = 'Linux' AND c < 66 AS in_ci,
            multiIf(system = 'Darwin', if(c < 85, 'arm64', 'x86_64'), system = 'Windows', 'AMD64', intDiv(a, 1000000000000) % 10 = 0, 'aarch64', 'x86_64') AS machine,
            system = 'Linux' AND intDiv(b, 10000000000) % 100 < 7 AS alpine,
            1 + intDiv(a, 100000000000000) % length(distros) AS d,
            -- a fifth of the packages have extension modules
            concat(project, '-', version, multiIf(
                NOT wheel, '.tar.gz',
                cityHash64(project, 1) % 5 != 0, '-py3-none-any.whl',
                concat(
                    '-', if(cityHash64(project, 2) % 4 = 0, 'cp39-abi3', concat('cp', replaceOne(minor, '.', ''), '-cp', replaceOne(minor, '.', ''), if(minor = '3.14' AND c < 10, 't', ''))),
                    '-', multiIf(
                        system = 'Darwin', if(machine = 'arm64', 'macosx_11_0_arm64', 'macosx_10_13_x86_64'),
                        system = 'Windows', 'win_amd64',
                        alpine, concat('musllinux_1_2_', machine),
                        concat('manylinux_2_17_', machine, '.manylinux2014_', machine)
                    ),
                    '.whl'
                )
            )) AS filename
        FROM e
        ANY LEFT JOIN slots ON e.slot = slots.slot
    )
SELECT
    toDateTime64({day:Date}, 6, 'UTC') + toIntervalSecond(intDiv(a, 1000) % 86400) AS timestamp,
    if(intDiv(a, 100000000) % 200 = 0, NULL, countries[1 + toUInt32(60 * pow(intDiv(b, 10000) % 1000 / 1000, 3))]) AS country_code,
    concat('/packages/', hex(b), '/', filename) AS url,
    project,
    tuple(filename, project, version, if(wheel, 'bdist_wheel', 'sdist')) AS file,
    tuple(
        tuple(installer, if(isNull(installer), NULL, concat(toString(20 + b % 5), '.', toString(a % 4)))),
        if(silent, NULL, concat(minor, '.', toString(intDiv(a, 1000000) % 19))),
        tuple(if(silent, NULL, 'CPython')),
        tuple(if(silent, NULL, system), if(silent, NULL, '6.1.0')),
        if(silent, NULL, machine),
        if(silent OR NOT in_ci, NULL, true),
        tuple(
            multiIf(silent, NULL, system = 'Darwin', 'macOS', system != 'Linux', NULL, alpine, 'Alpine Linux', distros[d].1),
            multiIf(silent, NULL, system = 'Darwin', if(c < 50, '15.6', '26.1'), system != 'Linux', NULL, alpine, '3.20.3', distros[d].2),
            tuple(if(silent OR system != 'Linux' OR alpine AND installer = 'pip', NULL, if(alpine, 'musl', 'glibc')), if(silent OR system != 'Linux' OR alpine AND installer = 'pip', NULL, if(alpine, '1.2', distros[d].3)))
        )
    ) AS details
FROM p
SETTINGS output_format_parquet_compression_method = 'snappy'
