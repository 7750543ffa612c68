-- Whether the store holds some packages, followed one by one, and whether it holds whole days of all packages.
SELECT countIf(state = 'added') > 0, countIf(state = 'published') > 0
FROM loads
WHERE load NOT IN (SELECT load FROM loads WHERE state = 'abandoned')
