-- The engine by which each request may reach another replica of this database: its own, or its journal's.
SELECT engine FROM system.databases WHERE name = currentDatabase() AND engine IN ('Replicated', 'Shared')
UNION ALL
SELECT engine FROM system.tables
WHERE database = currentDatabase() AND name = 'loads' AND match(engine, '^(Replicated|Shared)')
