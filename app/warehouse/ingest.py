"""Download events in, days published.

One call replaces whole days: each day found in the input becomes exactly what the input says, at one instant. The
steps, in order: sweep what earlier calls left, announce the load, write its rows, check their sums, publish. Until the
last step no reader counts a row of it, so a call that is killed leaves nothing but rows that the next call removes.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from app.warehouse.connect import Rows
from app.warehouse.errors import QueryFailedError, WarehouseError, translated
from app.warehouse.sources import File, InputError, RawEvents, Shape, find_files, raw_events, reason, shape_of
from app.warehouse.tables import create_tables

OLDEST_DAY = date(2000, 1, 1)
"""A day before this one is a sign of a broken timestamp: PyPI is younger."""

SPILL_BYTES = 1_200_000_000
"""Memory that the GROUP BY of a load may take before ClickHouse goes on on disk."""

WRITE_SETTINGS = {
    "max_bytes_before_external_group_by": SPILL_BYTES,
    "max_bytes_ratio_before_external_group_by": 0,
}

COMMENT = "pypistats-server load "
REPORT_SECONDS = 0.5

_one_writer = threading.Lock()


class DayLoadedError(InputError):
    """A day of the input is published already, and replacing was not asked for."""


class WriterBusyError(WarehouseError):
    """Another load is running in this process."""


class LoadedDay(msgspec.Struct, frozen=True):
    """What a call has published for a day. `events` counts those left out (`dropped`) too."""

    date: date
    events: int
    dropped: int
    packages: int
    rows: int


class Progress(msgspec.Struct, frozen=True):
    """How far a call is: rows of input read, of `total` (0 where that is not known), and what is written so far."""

    step: str
    rows_read: int = 0
    rows_written: int = 0
    days_written: int = 0
    total: int = 0


Report = Callable[[Progress], None]
Connect = Callable[[], Client]
"""Opens a client, for one thread; the engine's or the server's."""


def ingest(
    connect: Connect, names: Sequence[str], *, replace: bool = False, report: Report = lambda _: None
) -> list[LoadedDay]:
    """Load the download events of files, folders, shell patterns and URLs; return the days published, in order.

    Raises InputError where the input cannot be loaded (DayLoadedError where it needs `replace`), WriterBusyError, and
    WarehouseError where ClickHouse fails. Nothing is published then.
    """
    with _writing(), connect() as client:
        report(Progress("looking at the input"))
        found = [(file, shape_of(client, file)) for file in find_files(names)]
        for file, shape in found:
            _require_usable(client, file, shape)
        events = raw_events(found)
        total = _row_count(client, found)

        def explain(error: QueryFailedError) -> InputError:
            return _explain(client, found, refused, error)

        loaded = loaded_days(client)
        refused = [] if replace else loaded
        return _load(connect, client, events, ", ".join(names), refused, explain, report, total)


def ingest_events(connect: Connect, events: RawEvents, source: str, report: Report = lambda _: None) -> list[LoadedDay]:
    """Load events that a query makes. Raises DayLoadedError for days that are published already."""

    def explain(error: QueryFailedError) -> InputError:
        return InputError(f"{source}: {reason(error)}")

    with _writing(), connect() as client:
        return _load(connect, client, events, source, loaded_days(client), explain, report)


@contextmanager
def _writing() -> Iterator[None]:
    if not _one_writer.acquire(blocking=False):
        raise WriterBusyError("another load is running; one at a time")
    try:
        yield
    finally:
        _one_writer.release()


def _load(
    connect: Connect,
    client: Client,
    events: RawEvents,
    source: str,
    refused: Sequence[date],
    explain: Callable[[QueryFailedError], InputError],
    report: Report,
    total: int = 0,
) -> list[LoadedDay]:
    report(Progress("making room"))
    sweep_unpublished(client)
    load = _announce(client, source)
    try:
        try:
            _write(connect, client, load, events, refused, report, total)
        except QueryFailedError as error:
            raise explain(error) from error
        report(Progress("checking sums"))
        days = _checked(client, load, total)
    except InputError:
        # Whatever else ends a load leaves this to the next call; the engine may be gone.
        sweep_unpublished(client)
        raise
    _publish(client, load, source, days)
    return days


def _announce(client: Client, source: str) -> int:
    """The number of a new load. From here on, a load that is not published is known to be unfinished."""
    load = int(_rows(client, "last_load")[0][0]) + 1
    with translated():
        client.insert(
            "loads", [[load, date(1970, 1, 1), "started", source]], column_names=["load", "date", "state", "source"]
        )
    return load


def _versions(load: int) -> dict[str, int]:
    """The first and the last version that a load can have: its number, then 16 bits for the day."""
    return {"first_version": load << 16, "last_version": load << 16 | 0xFFFF}


def _write(
    connect: Connect,
    client: Client,
    load: int,
    events: RawEvents,
    refused: Sequence[date],
    report: Report,
    total: int,
) -> None:
    today = datetime.now(UTC).date()
    parameters = {
        **events.parameters,
        "oldest": OLDEST_DAY,
        "newest": today,
        "refused": list(refused),
        **_versions(load),
    }
    settings = {**WRITE_SETTINGS, "log_comment": _comment(load)}
    with _reported(connect, load, report, total):
        _command(client, statement("write_packages", events.sql), parameters, settings)
    report(Progress("summing over all packages", rows_read=total, total=total))
    for name in ("write_all", "write_overall"):
        _command(client, statement(name), _versions(load), settings)


def _checked(client: Client, load: int, total: int) -> list[LoadedDay]:
    """The days that a load has written. Raises WarehouseError where their sums do not add up to the events."""
    days = []
    for day, _, dropped, events, packages, rows, _, agree in _rows(client, "written", _versions(load)):
        if not agree:
            raise WarehouseError(f"the sums of {day} do not agree; nothing was published")
        days.append(LoadedDay(day, events, dropped, packages, rows))
    written = sum(day.events for day in days)
    if total and written != total:
        raise WarehouseError(f"{written:,} events were written of {total:,}; nothing was published")
    return days


def _publish(client: Client, load: int, source: str, days: Sequence[LoadedDay]) -> None:
    """The instant of publication: one insert of few rows, which ClickHouse makes visible as one part."""
    with translated():
        client.insert(
            "loads",
            [[load, day.date, "published", source, day.events, day.dropped, day.rows] for day in days],
            column_names=["load", "date", "state", "source", "events", "dropped", "rows"],
        )


def sweep_unpublished(client: Client) -> None:
    """Remove what loads have left that were never published. No reader has ever counted those rows."""
    _sweep(client, [row for row in _rows(client, "sweepable") if row[-1] == "unpublished"])


def sweep_superseded(client: Client, unused_for: timedelta) -> None:
    """Remove the rows of days that were replaced at least so long ago, when no reader can still be counting them."""
    latest = datetime.now(UTC).replace(tzinfo=None) - unused_for
    _sweep(
        client,
        [
            row
            for row in _rows(client, "sweepable")
            if row[-1] == "superseded" and row[4].replace(tzinfo=None) <= latest
        ],
    )


def _sweep(client: Client, sweepable: Rows) -> None:
    for load, day, first_version, last_version, *_ in sweepable:
        versions = {"first_version": first_version, "last_version": last_version}
        for name in ("sweep_downloads_daily", "sweep_overall_daily"):
            _command(client, statement(name), versions)
        with translated():
            client.insert("loads", [[load, day, "swept"]], column_names=["load", "date", "state"])


def loaded_days(client: Client) -> list[date]:
    """The days that are published, in order."""
    create_tables(client)
    return [day for (day,) in _rows(client, "loaded_days")]


def _require_usable(client: Client, file: File, shape: Shape) -> None:
    """Raises InputError for a file without an event that counts anywhere, or that cannot be read at all."""
    events = raw_events([(file, shape)])
    try:
        with translated():
            found = client.query(statement("usable", events.sql), parameters=events.parameters).result_rows
    except QueryFailedError as error:
        raise InputError(f"{file.name}: {reason(error)}") from None
    if not found:
        raise InputError(
            f"{file.name}: no usable row: each is empty, has no possible package name in column project, "
            "or a malformed version in column details.python"
        )


def _row_count(client: Client, found: Sequence[tuple[File, Shape]]) -> int:
    """How many rows the input has, where that costs nothing to know: a Parquet file says so in its footer."""
    if any(file.format != "Parquet" or file.function != "file" for file, _ in found):
        return 0
    rows = 0
    for file, _ in found:
        with translated():
            rows += client.query(
                "SELECT count() FROM file({location:String}, 'Parquet')", parameters={"location": file.name}
            ).result_rows[0][0]
    return rows


def _explain(
    client: Client, found: Sequence[tuple[File, Shape]], refused: Sequence[date], error: QueryFailedError
) -> InputError:
    """What it was in the input that stopped a load, by a look at one file after the other."""
    today = datetime.now(UTC).date()
    for file, shape in found:
        events = raw_events([(file, shape)])
        column = "timestamp" if "timestamp" in shape.structure else "date"
        parameters = {**events.parameters, "oldest": OLDEST_DAY, "refused": list(refused)}
        try:
            with translated():
                ((unreadable, last, loaded),) = client.query(
                    statement("bad_days", events.sql), parameters=parameters
                ).result_rows
        except QueryFailedError as file_error:
            return InputError(f"{file.name}: {reason(file_error)}")
        if unreadable:
            return InputError(
                f"{file.name}: column {column} is empty, unreadable or before {OLDEST_DAY} in {unreadable:,} rows"
            )
        if last is not None and last > today:
            return InputError(f"{file.name}: column {column} has a date in the future, {last}; today is {today} (UTC)")
        if loaded:
            days = ", ".join(map(str, loaded))
            return DayLoadedError(f"{file.name}: already loaded: {days}; --replace loads the days of this call anew")
    return InputError(reason(error))


def cancel(connect: Connect) -> None:
    """Stop the load that runs in this engine. It fails as any load does: nothing is published."""
    with connect() as client:
        _command(client, statement("cancel"), {"comment": f"{COMMENT}%"})


@contextmanager
def _reported(connect: Connect, load: int, report: Report, total: int) -> Iterator[None]:
    """Report a few times a second how far a load's first statement is, while the block runs it."""
    done = threading.Event()
    parameters = {"comment": _comment(load), **_versions(load)}

    def poll() -> None:
        rows_read = 0
        with connect() as poller:
            while not done.wait(REPORT_SECONDS):
                for read, written, days in _rows(poller, "progress", parameters):
                    # What is read once writing has begun is no input, but what the GROUP BY has put on disk.
                    rows_read = rows_read if written else read
                    report(Progress("writing" if written else "loading", rows_read, written, days, total))

    thread = threading.Thread(target=poll, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _comment(load: int) -> str:
    """What marks the statements of a load in ClickHouse's lists of queries."""
    return f"{COMMENT}{load}"


def _rows(client: Client, question: str, parameters: dict[str, Any] | None = None) -> Rows:
    with translated():
        return client.query(statement(question), parameters=parameters or {}).result_rows


def _command(client: Client, sql: str, parameters: dict[str, Any], settings: dict[str, Any] | None = None) -> None:
    with translated():
        client.command(sql, parameters=parameters, settings=settings or {})


@cache
def _file(name: str) -> str:
    return (files("app.warehouse") / "load" / f"{name}.sql").read_text(encoding="utf-8")


def statement(name: str, raw: str = "") -> str:
    """A statement of load/, with the raw events in the place that it keeps for them."""
    return _file(name).replace("{{events}}", _file("events")).replace("{{raw_events}}", raw)
