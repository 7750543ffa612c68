-- The categories of a load that were cut, by dimension: their number, and their downloads.
SELECT toString(dimension), uniqExact(category), sum(downloads)
FROM downloads_daily
WHERE version BETWEEN {first_version:UInt64} AND {last_version:UInt64} AND project != '__all__'
    AND lengthUTF8(category) = 100 AND endsWith(category, '…')
GROUP BY dimension
ORDER BY dimension
