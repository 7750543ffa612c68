"""The journal of loads: what is announced, what is published, and what is swept away.

A load is one ingest call. Its versions begin with its number, so what is published later has the higher versions.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.connection import Rows
from app.warehouse.errors import translated
from app.warehouse.statements import ask, command, statement
from app.warehouse.tables import create_tables


class LoadedDay(msgspec.Struct, frozen=True):
    """What a call has published for a day. `events` counts those left out (`dropped`) too."""

    date: date
    events: int
    dropped: int
    packages: int
    rows: int


def loaded_days(client: Client) -> list[date]:
    """The days that are published, in order."""
    create_tables(client)
    return [day for (day,) in ask(client, "loaded_days")]


def announce(client: Client, source: str) -> int:
    """The number of a new load. From here on, a load that is not published is known to be unfinished."""
    load = int(ask(client, "last_load")[0][0]) + 1
    with translated():
        client.insert(
            "loads", [[load, date(1970, 1, 1), "started", source]], column_names=["load", "date", "state", "source"]
        )
    return load


def versions(load: int) -> dict[str, int]:
    """The first and the last version that a load can have: its number, then 16 bits for the day."""
    return {"first_version": load << 16, "last_version": load << 16 | 0xFFFF}


def publish(client: Client, load: int, source: str, days: Sequence[LoadedDay]) -> None:
    """The instant of publication: one insert of few rows, which ClickHouse makes visible as one part."""
    with translated():
        client.insert(
            "loads",
            [[load, day.date, "published", source, day.events, day.dropped, day.rows] for day in days],
            column_names=["load", "date", "state", "source", "events", "dropped", "rows"],
        )


def sweep_unpublished(client: Client) -> None:
    """Remove what loads have left that were never published. No reader has ever counted those rows."""
    _sweep(client, [row for row in ask(client, "sweepable") if row[-1] == "unpublished"])


def sweep_superseded(client: Client, unused_for: timedelta) -> None:
    """Remove the rows of days that were replaced at least so long ago, when no reader can still be counting them."""
    latest = datetime.now(UTC).replace(tzinfo=None) - unused_for
    _sweep(
        client,
        [row for row in ask(client, "sweepable") if row[-1] == "superseded" and row[4].replace(tzinfo=None) <= latest],
    )


def _sweep(client: Client, sweepable: Rows) -> None:
    for load, day, first_version, last_version, *_ in sweepable:
        versions = {"first_version": first_version, "last_version": last_version}
        for name in ("sweep_downloads_daily", "sweep_overall_daily"):
            command(client, statement(name), versions)
        with translated():
            client.insert("loads", [[load, day, "swept"]], column_names=["load", "date", "state"])
