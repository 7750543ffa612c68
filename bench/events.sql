-- One day's download events, in the shape of BigQuery's file_downloads. Everything follows from the number of the event
-- by hashes. Each list below has its values as often as they are likely; mirrors and unknown clients report no Python
-- and no system, as PyPI's own log parser has it.
INSERT INTO FUNCTION file(
    {location:String}, 'Parquet',
    'timestamp DateTime64(6, \'UTC\'), country_code Nullable(String), url String, project String,
     file Tuple(filename String, project String, version String, type String),
     details Tuple(installer Tuple(name Nullable(String), version Nullable(String)), python Nullable(String),
         implementation Tuple(name Nullable(String)), system Tuple(name Nullable(String), release Nullable(String)),
         cpu Nullable(String))'
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
            concat(project, '-', version, if(wheel, '-py3-none-any.whl', '.tar.gz')) AS filename
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
        if(silent, NULL, concat(minors[1 + intDiv(b, 100000000) % length(minors)], '.', toString(intDiv(a, 1000000) % 19))),
        tuple(if(silent, NULL, 'CPython')),
        tuple(if(silent, NULL, systems[1 + intDiv(b, 1000000000000) % length(systems)]), if(silent, NULL, '6.1.0')),
        if(silent, NULL, 'x86_64')
    ) AS details
FROM p
SETTINGS output_format_parquet_compression_method = 'snappy'
