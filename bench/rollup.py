"""A table of series of known size: what cold answers are measured on. Runs in a process of its own."""

import time
from datetime import date, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from app.warehouse.loading.journal import versions
from app.warehouse.loading.migrations import migrate
from app.warehouse.loading.statements import statement
from bench.events import sql

LAST_DAY = date(2026, 3, 31)
DAYS = 200
DAILY_LOADS = 7
"""The last days come one at a time, as they do to a server that loads every day: a query reads more than one part."""

ROWS_A_PACKAGE_AND_DAY = 51
SETTLE_SECONDS = 60


def name_of(package: int) -> str:
    """The name of a package, by its number."""
    return f"package-{package:06}"


def make_rollup(client: Client, rows: int, all_days: int = DAYS) -> dict[str, int]:
    """Fill the tables and publish the loads. Returns how many rows, packages and bytes there are."""
    migrate(client)
    packages = rows // (all_days * ROWS_A_PACKAGE_AND_DAY) + 1
    history = all_days - DAILY_LOADS
    first = LAST_DAY - timedelta(days=all_days - 1)
    loads = [(first, history), *((first + timedelta(days=history + number), 1) for number in range(DAILY_LOADS))]
    for load, (start, days) in enumerate(loads, 1):
        client.command(sql("rollup"), parameters={"first_day": start, "days": days, "load": load, "packages": packages})
        client.insert(
            "loads",
            [[load, start + timedelta(days=offset), "published"] for offset in range(days)],
            column_names=["load", "date", "state"],
        )
        client.command(statement("write_overall"), parameters=versions(load))
    settle(client)
    parts = "SELECT sum(rows), sum(bytes_on_disk), count() FROM system.parts WHERE active AND table = 'downloads_daily'"
    ((rows, size, parts_),) = client.query(parts).result_rows
    return {"rows": rows, "bytes": size, "parts": parts_, "packages": packages}


def settle(client: Client) -> None:
    """Wait for merges in the background: they would be measured too."""
    until = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < until and client.query("SELECT count() FROM system.merges").result_rows[0][0]:
        time.sleep(0.5)


def parameters_of(client: Client, package: int) -> dict[str, Any]:
    """What the server's series.sql is given for a package's python_minor."""
    ((newest_version,),) = client.query("SELECT max(version) FROM loads").result_rows
    return {
        "projects": [name_of(package)],
        "dimensions": ["python_minor"],
        "pairs": [],
        "categories": [],
        "start": LAST_DAY - timedelta(days=179),
        "end": LAST_DAY,
        "granularity": "day",
        "newest_version": newest_version,
        "dead": [],
    }
