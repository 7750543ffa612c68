"""The journal of loads: what is announced, what is published, and what is swept away.

A load is one ingest call. Its versions begin with its number, so what is published later has the higher versions.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.dimensions import CI, COUNTED_WHERE_KNOWN
from app.warehouse.engines.connection import Rows
from app.warehouse.engines.errors import ConnectionLostError, InputError, WarehouseError, translated
from app.warehouse.engines.server import allowed_settings
from app.warehouse.loading.load import DEFAULT_LOAD_TIMING, Load, LoadTiming
from app.warehouse.loading.migrations import cluster_of
from app.warehouse.loading.statements import ask, command, statement

Result = TypeVar("Result")

NO_DAY = date(1970, 1, 1)

SUPERSEDED_FOR = timedelta(minutes=5)
"""No query takes so long, and no reader goes so long by what it last knew: rows superseded so long have no reader."""

LOCK_SETTINGS: Mapping[str, str] = {"insert_deduplicate": "1", "deduplicate_insert": "enable", "async_insert": "0"}
"""With these ClickHouse keeps the first alone of all inserts with one token. Their defaults differ by version, and an
administrator may have changed them."""

TRIES = 5


class LoadedDay(msgspec.Struct, frozen=True):
    """What a call has published for a day. `events` counts those left out (`dropped`) too.

    They are left out for a malformed Python, or for an impossible name; those of today because it is not over.
    """

    date: date
    events: int
    dropped: int
    packages: int
    rows: int
    malformed_python: int = 0


def loaded_days(client: Client) -> list[date]:
    """The days that are published, in order."""
    return [day for (day,) in ask(client, "loaded_days")]


def require_scope(client: Client, *, of_all: bool) -> None:
    """Raise InputError for a store that holds some packages, where days of all are to be loaded, or the reverse."""
    ((holds_some, holds_all),) = ask(client, "holds_some")
    if of_all and holds_some:
        raise InputError(
            "the store holds packages that it follows, and days of all packages would replace theirs: load them into "
            "another store, see CLICKHOUSE_URL"
        )
    if not of_all and holds_all:
        raise InputError(
            "the store holds the days of all packages, which files were loaded into: packages that are followed belong "
            "into another store, see STORE_URL and DATA_DIR"
        )


def versions(load: int) -> dict[str, int]:
    """A load's number, and the first and the last version that it can have: its number, then 16 bits for the day."""
    return {"load": load, "first_version": load << 16, "last_version": load << 16 | 0xFFFF}


def version(load: int, day: date) -> int:
    """The version of a load's rows of a day."""
    return load << 16 | (day - NO_DAY).days


def retried(work: Callable[[], Result], timing: LoadTiming) -> Result:
    """Do what may be done more than once, again where the connection breaks. Raises ConnectionLostError at the end."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except ConnectionLostError:
            time.sleep(timing.retry)
    return work()


def announce(client: Client, load: int, source: str, holder: str) -> None:
    """Take a number, unless another writer has it."""
    _write(client, [{"load": load, "date": NO_DAY, "state": "started", "source": source, "holder": holder}], "start")


def abandon(client: Client, load: int) -> None:
    """Say that a load will not be published, unless it is."""
    _write(client, [{"load": load, "date": NO_DAY, "state": "abandoned"}], "end")


def is_published(client: Client, load: int) -> bool:
    """Whether readers count a load."""
    ((published,),) = ask(client, "is_published", {"load": load})
    return bool(published)


def publish(
    client: Client,
    load: int,
    source: str,
    days: Sequence[LoadedDay],
    timing: LoadTiming = DEFAULT_LOAD_TIMING,
    dimensions: Sequence[str] = (),
) -> None:
    """The instant of publication: one insert of few rows, which ClickHouse makes visible as one part.

    Raises WarehouseError where another writer has abandoned the load, and taken its place; ConnectionLostError where
    it cannot be learnt whether the load was published.
    """
    rows = [
        {
            "load": load,
            "date": day.date,
            "state": "published",
            "source": source,
            "events": day.events,
            "dropped": day.dropped,
            "rows": day.rows,
            "dimensions": _kept(dimensions),
        }
        for day in days
    ]
    # If an earlier try has arrived, ClickHouse drops the next.
    retried(lambda: _write(client, rows, "end"), timing)
    if not retried(lambda: is_published(client, load), timing):
        raise WarehouseError("another writer has taken the lease of this load; nothing was published")


def _kept(dimensions: Sequence[str]) -> list[str]:
    """What the journal keeps of the optional dimensions of a load."""
    kept = [dimension for dimension in COUNTED_WHERE_KNOWN if dimension in dimensions]
    return [*kept, CI] if "origin" in kept and CI in dimensions else kept


def publish_added(
    client: Client, load: Load, loads: Sequence[int], completed: Sequence[date] = (), dimensions: Sequence[str] = ()
) -> None:
    """Let `loads`, that of `load` among them, count beside all others, and days count as completed, at one instant.

    `dimensions` are those that these days have.

    Raises WarehouseError and ConnectionLostError as `publish` does.
    """
    added = {"source": load.source, "dimensions": _kept(dimensions)}
    rows = [{"load": number, "date": NO_DAY, "state": "added", **added} for number in loads]
    rows += [{"load": load.number, "date": day, "state": "completed", **added} for day in completed]
    _end(client, load, rows)


def publish_later(client: Client, load: Load) -> None:
    """Keep the rows of a load, which do not count before `publish_added` says so."""
    _end(client, load, [{"load": load.number, "date": NO_DAY, "state": "fetched", "source": load.source}])


def _end(client: Client, load: Load, rows: Sequence[dict[str, Any]]) -> None:
    """Write the outcome of a load. Raises WarehouseError if it was abandoned, ConnectionLostError if unknown."""
    synced(client, load.cluster, "downloads_daily", timing=load.timing)
    # If an earlier try has arrived, ClickHouse drops the next.
    retried(lambda: _write(client, rows, "end"), load.timing)
    if not retried(lambda: is_published(client, load.number), load.timing):
        raise WarehouseError("another writer has taken the lease of this load; nothing was published")


def heartbeat(client: Client, load: int) -> None:
    """Write that the holder of a load is alive."""
    _write(client, [{"load": load, "date": NO_DAY, "state": "alive"}])


def _write(client: Client, rows: Sequence[dict[str, Any]], once: str = "") -> None:
    """Add rows to the journal. Of all inserts for one load and one `once`, ClickHouse keeps the first alone.

    Any other has a token of its own: without one, it would be dropped where its rows are those of an earlier one.
    """
    token = f"{once} {rows[0]['load']}" if once else uuid4().hex
    with translated():
        client.insert(
            "loads",
            [list(row.values()) for row in rows],
            column_names=list(rows[0]),
            settings={"insert_deduplication_token": token} | allowed_settings(client, LOCK_SETTINGS),
        )


def why_unsafe(client: Client) -> str:
    """Why two writers could both publish over this connection, in words without a full stop; or the empty string."""
    known = client.server_settings
    if known["readonly"].value != "0":
        # This user loads nothing.
        return ""
    fixed = [
        f"{name}={known[name].value}"
        for name, value in LOCK_SETTINGS.items()
        if name in known and known[name].readonly and known[name].value != value
    ]
    if not fixed:
        return ""
    needed = ", ".join(f"{name}={value}" for name, value in LOCK_SETTINGS.items())
    return (
        f"the server fixes {', '.join(fixed)}: of two loads that begin at one moment both could be published; "
        f"let the user set {needed}"
    )


def synced(client: Client, cluster: str, *tables: str, timing: LoadTiming) -> None:
    """Wait, on a cluster, until every node has all rows of these tables that it is to have."""
    if cluster:
        for table in tables:
            retried(partial(command, client, statement(f"sync_{table}", cluster=cluster), {}), timing)


def sweep_unpublished(
    client: Client,
    before: int,
    again: timedelta = SUPERSEDED_FOR,
    timing: LoadTiming = DEFAULT_LOAD_TIMING,
) -> None:
    """Remove what loads before this one have left that were never published. No reader counts those rows.

    What was looked at is looked at `again` after a while, until nothing of it was found twice: ClickHouse may have been
    at work on it.
    """
    unpublished = ask(client, "unpublished_loads", {"before": before, "again": int(again.total_seconds())})
    _sweep(client, unpublished, timing)
    forget_received(client, before)


def sweep_superseded(client: Client, unused_for: timedelta) -> None:
    """Remove the rows of days that were replaced at least so long ago, when no reader can still be counting them."""
    superseded = ask(client, "superseded_days", {"unused": int(unused_for.total_seconds())})
    _sweep(client, superseded, DEFAULT_LOAD_TIMING)


def _sweep(client: Client, sweepable: Rows, timing: LoadTiming) -> None:
    cluster = cluster_of(client) if sweepable else ""
    for load, day, first_version, last_version in sweepable:
        versions = {"first_version": first_version, "last_version": last_version}
        ((rows,),) = ask(client, "left_rows", versions)
        for name in ("sweep_downloads_daily", "sweep_overall_daily") if rows else ():
            retried(partial(command, client, statement(name, cluster=cluster), versions), timing)
        _write(client, [{"load": load, "date": day, "state": "swept", "rows": rows}])


def remove_day(client: Client, load: int, day: date, cluster: str, timing: LoadTiming) -> None:
    """Remove a load's rows of a day."""
    only = {"first_version": version(load, day), "last_version": version(load, day)}
    retried(partial(command, client, statement("sweep_downloads_daily", cluster=cluster), only), timing)


def forget_received(client: Client, before: int) -> None:
    """Remove the raw events that loads before this one have sent."""
    loads = [load for (load,) in ask(client, "received_loads") if load < before]
    cluster = cluster_of(client) if loads else ""
    for load in loads:
        command(client, statement("forget", cluster=cluster), {"load": load})
