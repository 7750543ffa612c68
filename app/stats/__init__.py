"""What the numbers mean: dimensions, windows, series, totals. No SQL, no HTTP."""
