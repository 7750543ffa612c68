-- Series of many packages over some days, as a load would have written them: a row for each package, category of a
-- dimension and day, with downloads that fall with the package's number and the category's place.
INSERT INTO downloads_daily (project, dimension, category, date, version, downloads)
WITH categories AS
(
    SELECT dimension, category, place
    FROM values(
        'dimension String, names Array(String)',
        ('overall', ['with_mirrors', 'without_mirrors']),
        ('python_major', ['3', 'null', '2']),
        ('python_minor', ['3.12', '3.11', '3.13', '3.10', '3.9', '3.8', '3.7', '3.14', '3.6', '2.7', '3.5', 'null']),
        ('system', ['Linux', 'Darwin', 'Windows', 'null', 'other']),
        ('installer', ['pip', 'uv', 'poetry', 'bandersnatch', 'null', 'requests', 'Browser']),
        ('version', ['2.1.0', '2.0.0', '1.9.0', '1.8.3', '1.8.2', '1.8.1', '1.8.0', '1.7.0', '1.6.0', '1.5.0']),
        ('country', ['US', 'CN', 'DE', 'IN', 'GB', 'FR', 'JP', 'CA', 'NL', 'SG']),
        ('file_type', ['bdist_wheel', 'sdist'])
    )
    ARRAY JOIN names AS category, arrayEnumerate(names) AS place
)
SELECT
    concat('package-', leftPad(toString(package), 6, '0')) AS project,
    dimension,
    category,
    {first_day:Date} + day AS date,
    bitOr(bitShiftLeft(toUInt64({load:UInt32}), 16), toUInt64(toUInt16(date))) AS version,
    1 + cityHash64(package, category, day) % greatest(1, intDiv(1000000, (package + 1) * place)) AS downloads
FROM (SELECT intDiv(number, {days:UInt32}) AS package, number % {days:UInt32} AS day FROM numbers({packages:UInt32} * {days:UInt32})) AS days
CROSS JOIN categories
