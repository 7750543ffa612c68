-- What a load has written to overall_daily, a row a day: date, downloads with mirrors, downloads without.
SELECT date, sumIf(downloads, category = 'with_mirrors'), sumIf(downloads, category = 'without_mirrors')
FROM overall_daily
WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64}
GROUP BY date
