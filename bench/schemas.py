"""Other ways to lay out downloads_daily, side by side: `python -m bench --schemas`. Runs in a process of its own.

The same rows in the same parts, in one engine; every package is asked of every layout in turn, so that whatever else
the machine does falls on all alike.
"""

import re
import time
from statistics import median
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.reading.tables import query_sql
from app.warehouse.sql import read_sql
from bench.rollup import DAILY_LOADS, LAST_DAY, name_of, parameters_of, settle

FIRST_OF_MONTH = LAST_DAY.replace(day=2)

LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "as it is": (),
    "index_granularity 8192": ((r"\)\n*\Z", ") SETTINGS index_granularity = 8192"),),
    "index_granularity 4096": ((r"\)\n*\Z", ") SETTINGS index_granularity = 4096"),),
    "index_granularity 2048": ((r"\)\n*\Z", ") SETTINGS index_granularity = 2048"),),
    "index_granularity 1024": ((r"\)\n*\Z", ") SETTINGS index_granularity = 1024"),),
    "category String": ((r"category  LowCardinality\(String\)", "category String"),),
    "LZ4 for ZSTD": ((r"ZSTD", "LZ4"),),
    "no codecs": ((r" CODEC\(.*\)", ""),),
    "no index of versions": ((r"downloads UInt64(.*),\n.*\n.*GRANULARITY 1", r"downloads UInt64\1"),),
    "one partition": ((r"PARTITION BY toYear\(date\)", ""),),
}


def compare(client: Client, packages: list[int]) -> list[dict[str, Any]]:
    """For each layout: seconds (median) of each question, bytes, parts."""
    names = {layout: f"layout_{number}" for number, layout in enumerate(LAYOUTS)}
    for layout, table in names.items():
        _fill(client, table, layout)
    settle(client)
    taken: dict[tuple[str, str], list[float]] = {}
    for number, package in enumerate(packages):
        questions = {"series": parameters_of(client, package)}
        if number % 10 == 0:
            questions["recent"] = _recent(questions["series"], packages[number : number + 500])
        for question, parameters in questions.items():
            for layout, table in names.items():
                sql = _sql(question).replace("downloads_daily", table)
                started = time.perf_counter()
                client.query(sql, parameters=parameters)
                taken.setdefault((question, layout), []).append(time.perf_counter() - started)
    return [
        {"layout": layout, **_size(client, table), **{q: median(taken[q, layout]) for q in ("series", "recent")}}
        for layout, table in names.items()
    ]


def _sql(question: str) -> str:
    return query_sql(question, rows="counted")


def _fill(client: Client, table: str, layout: str) -> None:
    schema = read_sql("loading/schema/001_downloads_daily.sql")
    for pattern, replacement in (("EXISTS downloads_daily", f"EXISTS {table}"), *LAYOUTS[layout]):
        schema, changes = re.subn(pattern, replacement, schema)
        if not changes:
            raise ValueError(f"{layout}: the schema has no {pattern}")
    client.command(schema)
    for load in range(1, DAILY_LOADS + 2):
        client.command(f"INSERT INTO {table} SELECT * FROM downloads_daily WHERE bitShiftRight(version, 16) = {load}")


def _recent(series: dict[str, Any], packages: list[int]) -> dict[str, Any]:
    return {
        "projects": [name_of(package) for package in packages],
        "category": "without_mirrors",
        "day": LAST_DAY,
        "week": LAST_DAY,
        "month": FIRST_OF_MONTH,
        "end": LAST_DAY,
        "newest_version": series["newest_version"],
        "dead": [],
    }


def _size(client: Client, table: str) -> dict[str, int]:
    sql = "SELECT sum(bytes_on_disk), count() FROM system.parts WHERE active AND table = {table:String}"
    ((size, parts),) = client.query(sql, parameters={"table": table}).result_rows
    return {"bytes": size, "parts": parts}
