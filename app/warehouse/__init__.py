"""The only room that knows ClickHouse."""
