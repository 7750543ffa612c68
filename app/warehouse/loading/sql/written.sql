-- What a load has written, a row a day: date, downloads with mirrors, downloads left out and those of them that are left
-- out for a malformed Python, all downloads, packages, rows, downloads without mirrors, and whether all sums agree.
-- Every event counts once in each dimension that has mirrors, and every event without mirrors once in each that has
-- not; __all__ has the same sums again. One that is not among `dimensions`, because the input lacks its columns, has none.
SELECT
    date,
    sumIf(downloads, dimension = 'overall' AND category = 'with_mirrors' AND project != '__all__') AS with_mirrors,
    sumIf(downloads, dimension = 'dropped') AS dropped,
    sumIf(downloads, dimension = 'dropped' AND category = 'python') AS malformed_python,
    with_mirrors + dropped AS events,
    uniqExactIf(project, dimension = 'overall' AND project != '__all__') AS packages,
    count() AS rows,
    sumIf(downloads, dimension = 'overall' AND category = 'without_mirrors' AND project != '__all__') AS without_mirrors,
    sumIf(downloads, dimension = 'installer' AND project != '__all__') = with_mirrors
        AND sumIf(downloads, dimension = 'overall' AND category = 'with_mirrors' AND project = '__all__') = with_mirrors
        AND sumIf(downloads, dimension = 'overall' AND category = 'without_mirrors' AND project = '__all__') = without_mirrors
        AND sumIf(downloads, dimension = 'installer' AND project = '__all__') = with_mirrors
        AND sumIf(downloads, dimension = 'version') = without_mirrors
        AND arrayAll(
            sums -> sums = (without_mirrors, without_mirrors),
            [
                (sumIf(downloads, dimension = 'python_major' AND project != '__all__'), sumIf(downloads, dimension = 'python_major' AND project = '__all__')),
                (sumIf(downloads, dimension = 'python_minor' AND project != '__all__'), sumIf(downloads, dimension = 'python_minor' AND project = '__all__')),
                (sumIf(downloads, dimension = 'system' AND project != '__all__'), sumIf(downloads, dimension = 'system' AND project = '__all__')),
                (sumIf(downloads, dimension = 'country' AND project != '__all__'), sumIf(downloads, dimension = 'country' AND project = '__all__')),
                (sumIf(downloads, dimension = 'file_type' AND project != '__all__'), sumIf(downloads, dimension = 'file_type' AND project = '__all__'))
            ]
        )
        AND arrayAll(
            sums -> (sums.2, sums.3) = multiIf(
                NOT has({dimensions:Array(String)}, sums.1), (0, 0),
                sums.1 = 'origin', (with_mirrors, with_mirrors),
                (without_mirrors, without_mirrors)
            ),
            [
                ('origin', sumIf(downloads, dimension = 'origin' AND project != '__all__'), sumIf(downloads, dimension = 'origin' AND project = '__all__')),
                ('cpu', sumIf(downloads, dimension = 'cpu' AND project != '__all__'), sumIf(downloads, dimension = 'cpu' AND project = '__all__')),
                ('libc', sumIf(downloads, dimension = 'libc' AND project != '__all__'), sumIf(downloads, dimension = 'libc' AND project = '__all__')),
                ('distro', sumIf(downloads, dimension = 'distro' AND project != '__all__'), sumIf(downloads, dimension = 'distro' AND project = '__all__')),
                ('implementation', sumIf(downloads, dimension = 'implementation' AND project != '__all__'), sumIf(downloads, dimension = 'implementation' AND project = '__all__')),
                ('installer_version', sumIf(downloads, dimension = 'installer_version' AND project != '__all__'), sumIf(downloads, dimension = 'installer_version' AND project = '__all__')),
                ('platform', sumIf(downloads, dimension = 'platform' AND project != '__all__'), sumIf(downloads, dimension = 'platform' AND project = '__all__')),
                ('abi', sumIf(downloads, dimension = 'abi' AND project != '__all__'), sumIf(downloads, dimension = 'abi' AND project = '__all__'))
            ]
        ) AS agree
FROM downloads_daily
WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
GROUP BY date
ORDER BY date
