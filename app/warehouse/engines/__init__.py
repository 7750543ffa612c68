"""The kinds of ClickHouse: an embedded engine, a server; and their errors."""
